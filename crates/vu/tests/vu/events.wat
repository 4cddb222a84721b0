;; An event-driven script by hand. It connects what begins, echoes messages, and on a timer does what its number says.
(module
  (import "throng:script/connections@0.1.0" "prepare"
    (func $prepare
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "forget" (func $forget (param i32)))
  (import "throng:script/connections@0.1.0" "connect" (func $connect (param i32 i32)))
  (import "throng:script/connections@0.1.0" "send-text" (func $send_text (param i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "send-binary" (func $send_binary (param i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "ping" (func $ping (param i32)))
  (import "throng:script/connections@0.1.0" "close" (func $close (param i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "fail" (func $fail (param i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "set-timer" (func $set_timer (param i32 i32 i64)))
  (import "throng:script/connections@0.1.0" "cancel-timer" (func $cancel_timer (param i32 i32)))
  (import "throng:script/connections@0.1.0" "identity-of" (func $identity_of (param i32 i32)))
  (import "throng:script/time@0.1.0" "sleep" (func $sleep (param i64)))
  (import "throng:script/log@0.1.0" "panic" (func $panic (param i32 i32)))

  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 16384))
  ;; one more than the prepared handshake
  (global $prepared (mut i32) (i32.const 0))
  (global $calls (mut i32) (i32.const 0))

  (data (i32.const 1024) "ws://target/")
  (data (i32.const 1056) "chat")
  ;; a list of one string: "chat"
  (data (i32.const 1064) "\20\04\00\00\04\00\00\00")
  (data (i32.const 1088) "enough")
  (data (i32.const 1104) "no luck")
  ;; description: an empty string and three empty lists, no setup, no teardown, no summary
  (data (i32.const 1200) "\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\00\00\00")

  (func $allocate (export "cabi_realloc") (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $len)))
    (if (i32.gt_u (global.get $heap) (i32.const 131072)) (then unreachable))
    (local.get $at))

  (func (export "describe") (result i32) (i32.const 1200))
  ;; zeros: nothing, no error
  (func (export "setup") (result i32) (i32.const 1280))
  (func (export "scenario-setups") (result i32) (i32.const 1280))
  (func (export "setup-scenario") (param i32) (result i32) (i32.const 1280))
  (func (export "teardown") (result i32) (i32.const 1280))
  (func (export "summarize") (param i32 i32) (result i32) (i32.const 1280))

  ;; the same events in the same places each time
  (func (export "handle") (param $function i32) (param $events i32) (param $count i32) (param $data i32) (param $bytes i32)
    (local $end i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $end (i32.add (local.get $events) (i32.mul (local.get $count) (i32.const 32))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $events) (local.get $end)))
        (local.set $data (call $event (local.get $events) (local.get $data)))
        (local.set $events (i32.add (local.get $events) (i32.const 32)))
        (br $next)))
    (global.set $heap (i32.const 16384)))

  ;; handles an event and returns where the data of the next one begins
  (func $event (param $event i32) (param $data i32) (result i32)
    (local $connection i32) (local $kind i32) (local $argument i32)
    (local.set $connection (i32.load (local.get $event)))
    (local.set $kind (i32.load8_u offset=16 (local.get $event)))
    (local.set $argument (i32.load offset=24 (local.get $event)))
    (if (i32.eq (local.get $kind) (i32.const 0)) (then
      (if (i32.eqz (global.get $prepared)) (then
        (call $prepare (i32.const 1024) (i32.const 12) (i32.const 8) (i32.const 0) (i32.const 1064) (i32.const 1)
          (i32.const 1) (i32.const 500)
          ;; without context, windows of 2^12 bytes, the server's by itself
          (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 12) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 2048))
        (if (i32.load8_u (i32.const 2048)) (then unreachable))
        (global.set $prepared (i32.add (i32.load offset=4 (i32.const 2048)) (i32.const 1)))))
      (call $connect (local.get $connection) (i32.sub (global.get $prepared) (i32.const 1)))
      (call $identity_of (local.get $connection) (i32.const 2048))
      ;; a timer of the VU's number, after the iteration's number
      (call $set_timer (local.get $connection) (i32.load (i32.const 2048)) (i64.load offset=16 (i32.const 2048)))))
    (if (i32.eq (local.get $kind) (i32.const 2)) (then
      (call $send_text (local.get $connection) (local.get $data) (local.get $argument) (i32.const 2048))
      ;; what wasn't sent is a failure
      (if (i32.load8_u (i32.const 2048)) (then
        (call $fail (local.get $connection) (i32.const 1104) (i32.const 7))))))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then
      (call $send_binary (local.get $connection) (local.get $data) (local.get $argument) (i32.const 2048))))
    (if (i32.eq (local.get $kind) (i32.const 4)) (then
      (call $set_timer (local.get $connection) (i32.const 9) (i64.load offset=24 (local.get $event)))))
    (if (i32.eq (local.get $kind) (i32.const 5)) (then (call $timer (local.get $connection) (local.get $argument))))
    (if (i32.eq (local.get $kind) (i32.const 6)) (then
      (call $close (local.get $connection) (i32.const 4000) (i32.const 1088) (i32.const 6))))
    (if (i32.eq (local.get $kind) (i32.const 7)) (then
      (local.set $argument (i32.load16_u offset=26 (local.get $event)))
      (call $fail (local.get $connection) (local.get $data) (local.get $argument))))
    ;; of all that have data: open, text, binary, close, error
    (if (i32.or (i32.eq (local.get $kind) (i32.const 1)) (i32.or (i32.eq (local.get $kind) (i32.const 2))
        (i32.or (i32.eq (local.get $kind) (i32.const 3)) (i32.or (i32.eq (local.get $kind) (i32.const 7))
          (i32.eq (local.get $kind) (i32.const 8))))))
      (then (local.set $data (i32.add (local.get $data) (local.get $argument)))))
    (local.get $data))

  (func $timer (param $connection i32) (param $timer i32)
    (if (i32.eq (local.get $timer) (i32.const 1)) (then unreachable))
    (if (i32.eq (local.get $timer) (i32.const 2)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $timer) (i32.const 3)) (then (call $sleep (i64.const 1000))))
    (if (i32.eq (local.get $timer) (i32.const 4)) (then
      (call $panic (i32.const 1104) (i32.const 7)) unreachable))
    (if (i32.eq (local.get $timer) (i32.const 5)) (then
      (call $ping (local.get $connection)) (call $cancel_timer (local.get $connection) (i32.const 9))))
    (if (i32.eq (local.get $timer) (i32.const 6)) (then (call $forget (i32.const 77))))
    (if (i32.eq (local.get $timer) (i32.const 7)) (then (call $compute)))
    (if (i32.eq (local.get $timer) (i32.const 8)) (then
      (call $fail (local.get $connection) (i32.const 1104) (global.get $calls)))))

  ;; some tens of milliseconds
  (func $compute
    (local $n i32)
    (local.set $n (i32.const 100000000))
    (loop $more
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $more (local.get $n))))
)
