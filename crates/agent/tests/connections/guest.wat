;; An event-driven script by hand. It has three sets of handlers, by number: each says hello every 20 ms; the second traps
;; at its instance's 200th message; the third closes at the first one.
(module
  (import "throng:script/connections@0.1.0" "prepare"
    (func $prepare
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "connect" (func $connect (param i32 i32)))
  (import "throng:script/connections@0.1.0" "send-text" (func $send_text (param i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "close" (func $close (param i32 i32 i32 i32)))
  (import "throng:script/connections@0.1.0" "set-timer" (func $set_timer (param i32 i32 i64)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 16384))
  (global $prepared (mut i32) (i32.const -1))
  (global $messages (mut i32) (i32.const 0))
  (data (i32.const 1024) "ws://target/ws/echo")
  (data (i32.const 1056) "hello")
  (data (i32.const 1072) "holdingtrappingclosing")
  ;; three strings, and a description that has them as functions
  (data (i32.const 1104) "\30\04\00\00\07\00\00\00\37\04\00\00\08\00\00\00\3f\04\00\00\07\00\00\00")
  (data (i32.const 1200) "\08\00\00\00\00\00\00\00\50\04\00\00\03\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\00\00\00")

  (func (export "cabi_realloc") (param i32 i32 i32) (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $len)))
    (local.get $at))
  (func (export "describe") (result i32) (i32.const 1200))
  (func (export "setup") (result i32) (i32.const 1280))
  (func (export "scenario-setups") (result i32) (i32.const 1280))
  (func (export "setup-scenario") (param i32) (result i32) (i32.const 1280))
  (func (export "teardown") (result i32) (i32.const 1280))
  (func (export "summarize") (param i32 i32) (result i32) (i32.const 1280))

  (func (export "handle") (param $function i32) (param $event i32) (param $count i32) (param i32 i32)
    (local $connection i32) (local $kind i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (local.set $connection (i32.load (local.get $event)))
        (local.set $kind (i32.load8_u offset=16 (local.get $event)))
        (local.set $event (i32.add (local.get $event) (i32.const 32)))
        ;; begin
        (if (i32.eqz (local.get $kind)) (then
          (if (i32.eq (global.get $prepared) (i32.const -1)) (then
            (call $prepare (i32.const 1024) (i32.const 19) (i32.const 8) (i32.const 0) (i32.const 8) (i32.const 0)
              (i32.const 0) (i32.const 0)
              ;; no compression
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 2048))
            (if (i32.load8_u (i32.const 2048)) (then unreachable))
            (global.set $prepared (i32.load offset=4 (i32.const 2048)))))
          (call $connect (local.get $connection) (global.get $prepared))))
        ;; open, timer
        (if (i32.or (i32.eq (local.get $kind) (i32.const 1)) (i32.eq (local.get $kind) (i32.const 5))) (then
          (call $send_text (local.get $connection) (i32.const 1056) (i32.const 5) (i32.const 2048))
          (call $set_timer (local.get $connection) (i32.const 0) (i64.const 20000000))))
        ;; text
        (if (i32.eq (local.get $kind) (i32.const 2)) (then
          (global.set $messages (i32.add (global.get $messages) (i32.const 1)))
          (if (i32.eq (local.get $function) (i32.const 1)) (then
            (if (i32.eq (global.get $messages) (i32.const 200)) (then unreachable))))
          (if (i32.eq (local.get $function) (i32.const 2)) (then
            (call $close (local.get $connection) (i32.const 1000) (i32.const 1056) (i32.const 0))))))
        (br $next)))
    (global.set $heap (i32.const 16384))))
