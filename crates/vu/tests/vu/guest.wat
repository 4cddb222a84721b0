;; A script by hand: `run` takes the number of a behaviour, named in guest.rs, and has it in each iteration.
(module
  (import "throng:script/http@0.1.0" "prepare"
    (func $request (param i32) (result i32)))
  (import "throng:script/http@0.1.0" "forget" (func $forget (param i32)))
  (import "throng:script/http@0.1.0" "send" (func $send (param i32 i32) (result i64)))
  (import "throng:script/http@0.1.0" "send-body" (func $send_body (param i32 i32 i32 i32) (result i64)))
  (import "throng:script/http@0.1.0" "send-parts" (func $send_parts (param i32 i32 i32 i32) (result i64)))
  (import "throng:script/http@0.1.0" "start-parts" (func $start_parts (param i32 i32 i32) (result i32)))
  (import "throng:script/http@0.1.0" "read" (func $read (param i32 i32)))
  (import "throng:script/http@0.1.0" "start" (func $start (param i32 i32 i32 i32) (result i32)))
  (import "throng:script/http@0.1.0" "wait-any" (func $wait_any (param i32 i32 i32 i64 i32)))
  (import "throng:script/http@0.1.0" "finish" (func $finish (param i32) (result i64)))
  (import "throng:script/http@0.1.0" "cancel" (func $cancel (param i32)))
  (import "throng:script/http@0.1.0" "failure-of" (func $failure (param i32 i32)))
  (import "throng:script/http@0.1.0" "url" (func $url (param i32 i32)))
  (import "throng:script/http@0.1.0" "redirects" (func $redirects (param i32) (result i32)))
  (import "throng:script/http@0.1.0" "body-size" (func $body_size (param i32) (result i64)))
  (import "throng:script/http@0.1.0" "duration" (func $duration (param i32) (result i64)))
  (import "throng:script/http@0.1.0" "new-jar" (func $new_jar (result i32)))
  (import "throng:script/http@0.1.0" "drop-jar" (func $drop_jar (param i32)))
  (import "throng:script/http@0.1.0" "cookies" (func $cookies (param i32 i32 i32 i32)))
  (import "throng:script/http@0.1.0" "set-cookie" (func $set_cookie (param i32 i32 i32 i32 i32 i32)))
  (import "throng:script/http@0.1.0" "delete-cookies" (func $delete_cookies (param i32 i32 i32 i32 i32 i32 i32)))
  (import "throng:script/http@0.1.0" "resolve-url" (func $resolve_url (param i32 i32 i32 i32 i32)))
  (import "throng:script/http@0.1.0" "release" (func $release (param i32)))
  (import "throng:script/http@0.1.0" "body" (func $body (param i32 i32)))
  (import "throng:script/http@0.1.0" "header" (func $header (param i32 i32 i32 i32)))
  (import "throng:script/http@0.1.0" "headers" (func $headers (param i32 i32)))
  (import "throng:script/http@0.1.0" "timings" (func $timings (param i32 i32)))
  (import "throng:script/tags@0.1.0" "intern" (func $intern (param i32 i32 i32)))
  (import "throng:script/checks@0.1.0" "register" (func $register (param i32 i32 i32 i32)))
  (import "throng:script/checks@0.1.0" "record" (func $record (param i32 i32)))
  (import "throng:script/groups@0.1.0" "enter" (func $enter (param i32 i32 i32)))
  (import "throng:script/groups@0.1.0" "leave" (func $leave))
  (import "throng:script/metrics@0.1.0" "add" (func $add (param i32 f64 i32)))
  (import "throng:script/files@0.1.0" "size" (func $file_size (param i32) (result i64)))
  (import "throng:script/files@0.1.0" "read" (func $read_file (param i32 i64 i32 i32)))
  (import "throng:script/files@0.1.0" "rows" (func $file_rows (param i32) (result i64)))
  (import "throng:script/files@0.1.0" "header" (func $file_header (param i32 i32)))
  (import "throng:script/files@0.1.0" "row" (func $file_row (param i32 i64 i32)))
  (import "throng:script/execution@0.1.0" "next-iteration" (func $next_iteration (param i32 i32 i32 i32 i32) (result i32)))
  (import "throng:script/execution@0.1.0" "vu" (func $vu (param i32)))
  (import "throng:script/execution@0.1.0" "scenario" (func $scenario (param i32)))
  (import "throng:script/execution@0.1.0" "instance" (func $instance (param i32)))
  (import "throng:script/execution@0.1.0" "set-tag" (func $set_tag (param i32 i32 i32 i32 i32)))
  (import "throng:script/execution@0.1.0" "abort" (func $abort (param i32 i32)))
  (import "throng:script/execution@0.1.0" "fail" (func $fail (param i32 i32)))
  (import "throng:script/execution@0.1.0" "env" (func $env (param i32 i32 i32)))
  (import "throng:script/execution@0.1.0" "setup-data" (func $setup_data (param i32)))
  (import "throng:script/execution@0.1.0" "run-setup-data" (func $run_setup_data (param i32)))
  (import "throng:script/time@0.1.0" "sleep" (func $sleep (param i64)))
  (import "throng:script/time@0.1.0" "now" (func $now (result i64)))
  (import "throng:script/time@0.1.0" "unix-ms" (func $unix_ms (result i64)))
  (import "throng:script/random@0.1.0" "next" (func $random (result i64)))
  (import "throng:script/random@0.1.0" "seed" (func $seed (param i64)))
  (import "throng:script/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "throng:script/log@0.1.0" "panic" (func $panic (param i32 i32)))

  (memory (export "memory") 2)
  (global $gathered (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 16384))
  (global $prepared (mut i32) (i32.const 0))
  (global $check (mut i32) (i32.const -1))
  ;; the response that the next send is to release
  (global $last (mut i32) (i32.const 0))
  ;; the status of the last reply
  (global $status (mut i32) (i32.const 0))
  (global $iterations (mut i32) (i32.const 0))

  ;; Outcomes: 256 is ok, 272 an error, 0 makes `run` return. 512 takes results of imports.
  (data (i32.const 1024) "GET")
  (data (i32.const 1032) "http://target/")
  (data (i32.const 1056) "no luck")
  (data (i32.const 1072) "stop the run")
  (data (i32.const 1088) "expected 200, got 503")
  (data (i32.const 1120) "status is 200")
  (data (i32.const 1136) "x-kind")
  (data (i32.const 1152) "TARGET")
  (data (i32.const 1168) "a::b")
  (data (i32.const 1184) "{\"vus\":3}")
  (data (i32.const 1200) "default")
  (data (i32.const 1216) "wait_time")
  ;; list<string> of functions at 1232, list<definition> at 1248
  (data (i32.const 1232) "\b0\04\00\00\07\00\00\00")
  (data (i32.const 1248) "\c0\04\00\00\09\00\00\00\03\01\00\00")
  ;; two outcomes: check 0 passed, check 0 failed
  (data (i32.const 1264) "\01\00\00\00\00\00\00\00")
  ;; headers of the request: one pair, ("x-kind", "TARGET")
  (data (i32.const 1280) "\70\04\00\00\06\00\00\00\80\04\00\00\06\00\00\00")
  ;; list<file-declaration>: "TARGET", csv
  (data (i32.const 1300) "\80\04\00\00\06\00\00\00\01\00\00\00")
  ;; written at run time: at 1328 the outcome gathered for the iteration's end, at 1332 another

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func $assert (param i32) (if (i32.eqz (local.get 0)) (then (unreachable))))

  ;; request-options at 1400
  (func $new_request (result i32)
    (i32.store (i32.const 1400) (i32.const 1024)) (i32.store (i32.const 1404) (i32.const 3))
    (i32.store (i32.const 1408) (i32.const 1032)) (i32.store (i32.const 1412) (i32.const 14))
    (i32.store (i32.const 1416) (i32.const 1280)) (i32.store (i32.const 1420) (i32.const 1))
    (i32.store8 (i32.const 1424) (i32.const 1))
    (i32.store (i32.const 1428) (i32.const 1056)) (i32.store (i32.const 1432) (i32.const 7))
    (i32.store8 (i32.const 1436) (i32.const 1)) (i32.store (i32.const 1440) (i32.const 1500))
    (i32.store (i32.const 1444) (i32.const 5))
    (i32.store8 (i32.const 1448) (i32.const 1)) (i32.store8 (i32.const 1449) (i32.const 1))
    (i32.store8 (i32.const 1452) (i32.const 1)) (i32.store (i32.const 1456) (i32.const 4))
    ;; compression: br, zstd
    (i32.store (i32.const 1460) (i32.const 1380)) (i32.store (i32.const 1464) (i32.const 2))
    (i32.store16 (i32.const 1380) (i32.const 0x0302))
    ;; digest: "GET", "a::b"
    (i32.store8 (i32.const 1468) (i32.const 1))
    (i32.store (i32.const 1472) (i32.const 1024)) (i32.store (i32.const 1476) (i32.const 3))
    (i32.store (i32.const 1480) (i32.const 1168)) (i32.store (i32.const 1484) (i32.const 4))
    ;; expected: 200 to 299
    (i32.store (i32.const 1488) (i32.const 1384)) (i32.store (i32.const 1492) (i32.const 1))
    (i32.store (i32.const 1384) (i32.const 0x012b00c8))
    (i32.store (i32.const 1496) (i32.const 3))
    (i32.store (i32.const 1500) (i32.const 1280)) (i32.store (i32.const 1504) (i32.const 1))
    (call $request (i32.const 1400)))

  ;; Notes the status of a reply and returns its response.
  (func $take (param $reply i64) (result i32)
    (global.set $status (i32.wrap_i64 (i64.shr_u (local.get $reply) (i64.const 32))))
    (i32.wrap_i64 (local.get $reply)))

  (func $prepare
    (if (i32.eqz (global.get $prepared)) (then
      (global.set $prepared (call $new_request))
      (call $register (i32.const 1120) (i32.const 13) (i32.const 0) (i32.const 512))
      (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
      (global.set $check (i32.load (i32.const 516))))))

  ;; Sends; returns the response.
  (func $get (result i32)
    (call $prepare)
    (call $take (call $send (global.get $prepared) (i32.const 0))))

  ;; As `get`, and gives back the response before, in one call.
  (func $get_giving_back
    (call $prepare)
    (global.set $last (call $take
      (if (result i64) (i32.and (global.get $iterations) (i32.const 1))
        (then (call $send (global.get $prepared) (global.get $last)))
        (else (call $send_body (global.get $prepared) (global.get $last) (i32.const 1184) (i32.const 9))))))
    (call $assert (i32.eq (global.get $status) (i32.const 200))))

  ;; Names a request or response by this number. Request 1 and response 1 are held at first.
  (func $use_number (param $use i32) (param $number i32)
    (if (i32.eqz (global.get $prepared)) (then (drop (call $get))))
    (block $b17 (block $b16 (block $b15 (block $b14 (block $b13 (block $b12 (block $b11 (block $b10
    (block $b9 (block $b8 (block $b7 (block $b6 (block $b5
    (block $b4 (block $b3 (block $b2 (block $b1 (block $b0
      (br_table $b0 $b1 $b2 $b3 $b4 $b5 $b6 $b7 $b8 $b9 $b10 $b11 $b12 $b13 $b14 $b15 $b16 $b17 (local.get $use)))
      (drop (call $send (local.get $number) (i32.const 0))) (return))
      (drop (call $send_body (local.get $number) (i32.const 0) (i32.const 1184) (i32.const 9))) (return))
      (drop (call $send (global.get $prepared) (local.get $number))) (return))
      (drop (call $send_body (global.get $prepared) (local.get $number) (i32.const 1184) (i32.const 9))) (return))
      (call $forget (local.get $number)) (return))
      (call $release (local.get $number)) (return))
      (call $body (local.get $number) (i32.const 600)) (return))
      (call $header (local.get $number) (i32.const 1136) (i32.const 6) (i32.const 600)) (return))
      (call $headers (local.get $number) (i32.const 600)) (return))
      (call $timings (local.get $number) (i32.const 600)) (return))
      (drop (call $start (local.get $number) (i32.const 0) (i32.const 0) (i32.const 0))) (return))
      (call $failure (local.get $number) (i32.const 600)) (return))
      (call $url (local.get $number) (i32.const 600)) (return))
      (drop (call $redirects (local.get $number))) (return))
      (drop (call $body_size (local.get $number))) (return))
      (drop (call $duration (local.get $number))) (return))
      (drop (call $finish (local.get $number))) (return))
      (call $cancel (local.get $number)))

  (func $round_trip (local $response i32)
    (local.set $response (call $get))
    (i32.store (i32.const 1328) (i32.or
      (i32.shl (global.get $check) (i32.const 1))
      (i32.eq (global.get $status) (i32.const 200))))
    (global.set $gathered (i32.const 1))
    (call $release (local.get $response)))

  (func $spin (loop $again (br $again)))

  (func $recurse (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))

  (func $grow_until_refused
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))

  (func $move_memory (local $pages i32) (local $at i32)
    (loop $step
      ;; a mark at the start of each page that is there, and at the end
      (local.set $at (i32.const 0))
      (local.set $pages (memory.size))
      (loop $mark
        (i32.store offset=65532 (i32.mul (local.get $at) (i32.const 65536)) (i32.add (local.get $at) (i32.const 77)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $mark (i32.lt_u (local.get $at) (local.get $pages))))
      (call $assert (i32.ne (memory.grow (local.get $pages)) (i32.const -1)))
      (local.set $at (i32.const 0))
      (loop $look
        (call $assert (i32.eq
          (i32.load offset=65532 (i32.mul (local.get $at) (i32.const 65536)))
          (select (i32.add (local.get $at) (i32.const 77)) (i32.const 0)
            (i32.lt_u (local.get $at) (local.get $pages)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $look (i32.lt_u (local.get $at) (memory.size))))
      (br_if $step (i32.lt_u (memory.size) (i32.const 256)))))

  (func $compute (param $ns i64) (local $end i64)
    (local.set $end (i64.add (call $now) (local.get $ns)))
    (loop $again (br_if $again (i64.lt_u (call $now) (local.get $end)))))

  (func $compute_with_waits (local $i i32)
    (loop $again
      (call $compute (i64.const 60000000))
      (call $sleep (i64.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 15)))))

  (func $look_at_response (local $response i32)
    (local.set $response (call $get))
    (call $assert (i64.eq (call $body_size (local.get $response)) (i64.const 5)))
    (call $assert (i64.eq (call $duration (local.get $response)) (i64.const 1234)))
    (call $assert (i32.eq (call $redirects (local.get $response)) (i32.const 2)))
    (call $url (local.get $response) (i32.const 600))
    (call $assert (i32.eq (i32.load (i32.const 604)) (i32.const 17)))
    (call $failure (local.get $response) (i32.const 600))
    (call $assert (i32.eqz (i32.load8_u (i32.const 600))))
    (call $body (local.get $response) (i32.const 600))
    (call $assert (i32.eq (i32.load (i32.const 604)) (i32.const 5)))
    (call $assert (i32.eq (i32.load8_u (i32.load (i32.const 600))) (i32.const 104)))
    (call $header (local.get $response) (i32.const 1136) (i32.const 6) (i32.const 600))
    (call $assert (i32.load8_u (i32.const 600)))
    (call $assert (i32.eq (i32.load (i32.const 608)) (i32.const 4)))
    (call $header (local.get $response) (i32.const 1152) (i32.const 6) (i32.const 600))
    (call $assert (i32.eqz (i32.load8_u (i32.const 600))))
    (call $headers (local.get $response) (i32.const 600))
    (call $assert (i32.eq (i32.load (i32.const 604)) (i32.const 1)))
    (call $timings (local.get $response) (i32.const 600))
    (call $assert (i64.eq (i64.load (i32.const 600)) (i64.const 1)))
    (call $assert (i64.eq (i64.load (i32.const 608)) (i64.const 2)))
    (call $assert (i64.eq (i64.load (i32.const 648)) (i64.const 7)))
    (call $release (local.get $response)))

  (func $send_a_body
    (call $prepare)
    (call $release (call $take
      (call $send_body (global.get $prepared) (i32.const 0) (i32.const 1184) (i32.const 9))))
    (call $forget (global.get $prepared))
    (global.set $prepared (i32.const 0)))

  ;; The second request is to fail: code 1212, "refused".
  (func $fail_to_send (local $response i32)
    (call $round_trip)
    (local.set $response (call $get))
    (call $assert (i32.eqz (global.get $status)))
    (call $failure (local.get $response) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $assert (i32.eq (i32.load16_u (i32.const 516)) (i32.const 1212)))
    (call $assert (i32.eq (i32.load (i32.const 524)) (i32.const 7))))

  ;; Two exchanges at a time, the second with a body; the second ends first, the first is cut.
  (func $exchange_two
    (call $prepare)
    (i32.store (i32.const 1340) (call $start (global.get $prepared) (i32.const 0) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 1344) (call $start (global.get $prepared) (i32.const 1) (i32.const 1184) (i32.const 9)))
    (call $wait_any (i32.const 1340) (i32.const 2) (i32.const 1) (i64.const 5000000) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $assert (i32.eq (i32.load (i32.const 516)) (i32.const 1)))
    (call $release (call $take (call $finish (i32.load (i32.const 1344)))))
    (call $assert (i32.eq (global.get $status) (i32.const 200)))
    (call $cancel (i32.load (i32.const 1340)))
    (call $wait_any (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512)))))

  ;; list<body-part> at 8192: the text at 1184, bytes 5 to 12 of file 2. 512 takes what was read, and then its end.
  (func $send_and_read_parts (local $exchange i32)
    (call $prepare)
    (i32.store8 (i32.const 8192) (i32.const 0))
    (i32.store (i32.const 8200) (i32.const 1184)) (i32.store (i32.const 8204) (i32.const 9))
    (i32.store8 (i32.const 8224) (i32.const 1))
    (i32.store (i32.const 8232) (i32.const 2))
    (i64.store (i32.const 8240) (i64.const 5)) (i64.store (i32.const 8248) (i64.const 7))
    (call $release (call $take
      (call $send_parts (global.get $prepared) (i32.const 0) (i32.const 8192) (i32.const 2))))
    (local.set $exchange (call $start_parts (global.get $prepared) (i32.const 8224) (i32.const 1)))
    (call $read (local.get $exchange) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $assert (i32.eq (i32.load (i32.const 520)) (i32.const 5)))
    (call $assert (i32.eq (i32.load (i32.load (i32.const 516))) (i32.const 0x6c6c6568)))
    (call $read (local.get $exchange) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $release (call $take (call $finish (local.get $exchange)))))

  (func $use_jars (local $jar i32)
    (local.set $jar (call $new_jar))
    (call $cookies (local.get $jar) (i32.const 1032) (i32.const 14) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $assert (i32.eq (i32.load (i32.const 520)) (i32.const 1)))
    (call $set_cookie (local.get $jar) (i32.const 1032) (i32.const 14) (i32.const 1136) (i32.const 6) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $delete_cookies (local.get $jar) (i32.const 1032) (i32.const 14)
      (i32.const 1) (i32.const 1136) (i32.const 6) (i32.const 512))
    (call $delete_cookies (local.get $jar) (i32.const 1032) (i32.const 14)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $drop_jar (local.get $jar))
    (call $resolve_url (i32.const 1032) (i32.const 14) (i32.const 1136) (i32.const 6) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $assert (i32.eq (i32.load (i32.const 520)) (i32.const 20))))

  (func $use_everything_else
    (call $intern (i32.const 1280) (i32.const 1) (i32.const 512))
    (call $assert (i32.eq (i32.load (i32.const 516)) (i32.const 7)))
    (call $prepare)
    (call $record (i32.const 1264) (i32.const 2))
    (call $enter (i32.const 1120) (i32.const 13) (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $leave)
    (call $enter (i32.const 1168) (i32.const 4) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $add (i32.const 0) (f64.const 1.5) (i32.const 7))
    (call $vu (i32.const 512))
    (call $assert (i64.eq (i64.load (i32.const 520)) (i64.const 12)))
    (call $scenario (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $assert (f64.eq (f64.load (i32.const 544)) (f64.const 0.5)))
    (call $instance (i32.const 512))
    (call $assert (i64.eq (i64.load (i32.const 544)) (i64.const 25)))
    (call $set_tag (i32.const 1136) (i32.const 6) (i32.const 1) (i32.const 1152) (i32.const 6))
    (call $set_tag (i32.const 1136) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $fail (i32.const 1056) (i32.const 7))
    (call $env (i32.const 1152) (i32.const 6) (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $setup_data (i32.const 512))
    (call $assert (i32.load8_u (i32.const 512)))
    (call $run_setup_data (i32.const 512))
    (call $assert (i32.eqz (i32.load8_u (i32.const 512))))
    (call $assert (i64.eq (call $unix_ms) (i64.const 1700000000000)))
    (call $seed (i64.const 40))
    (call $assert (i64.eq (call $random) (i64.const 41)))
    (call $log (i32.const 2) (i32.const 1056) (i32.const 7)))

  ;; The file holds "vus", "3" and "4", a line each.
  (func $use_files
    (call $assert (i64.eq (call $file_size (i32.const 0)) (i64.const 8)))
    (call $assert (i64.eq (call $file_rows (i32.const 0)) (i64.const 2)))
    (call $read_file (i32.const 0) (i64.const 1) (i32.const 3) (i32.const 512))
    (call $assert (i32.eq (i32.load (i32.const 516)) (i32.const 3)))
    (call $assert (i32.eq (i32.load16_u (i32.load (i32.const 512))) (i32.const 0x7375)))
    (call $file_header (i32.const 0) (i32.const 512))
    (call $assert (i32.eq (i32.load (i32.const 516)) (i32.const 1)))
    (call $assert (i32.eq (i32.load offset=4 (i32.load (i32.const 512))) (i32.const 3)))
    (call $file_row (i32.const 0) (i64.const 1) (i32.const 512))
    (call $assert (i32.eq (i32.load (i32.const 516)) (i32.const 1)))
    (call $assert (i32.eq (i32.load8_u (i32.load (i32.const 512))) (i32.const 0x34))))

  (func (export "run") (param $what i32) (local $outcome i32) (local $goes_on i32)
    (local.set $outcome (i32.const 256))
    (loop $again
      (local.set $goes_on (call $next_iteration
        (i32.load8_u (local.get $outcome))
        (i32.load offset=4 (local.get $outcome))
        (i32.load offset=8 (local.get $outcome))
        (i32.const 1328)
        (global.get $gathered)))
      (global.set $gathered (i32.const 0))
      (if (local.get $goes_on)
        (then
          (global.set $heap (i32.const 16384))
          (local.set $outcome (call $iterate (local.get $what)))
          (global.set $iterations (i32.add (global.get $iterations) (i32.const 1)))
          (br_if $again (local.get $outcome))))))

  ;; One iteration. Returns where its outcome is.
  (func $iterate (param $what i32) (result i32)
    (if (i32.ge_u (local.get $what) (i32.const 1000)) (then
      (call $use_number
        (i32.sub (i32.div_u (local.get $what) (i32.const 1000)) (i32.const 1))
        (i32.rem_u (local.get $what) (i32.const 1000)))
      (return (i32.const 256))))
    ;; 900 files, 901 a file that isn't declared, 902 a row that isn't there
    (if (i32.eq (local.get $what) (i32.const 900)) (then (call $use_files) (return (i32.const 256))))
    (if (i32.eq (local.get $what) (i32.const 901)) (then (drop (call $file_size (i32.const 7)))))
    (if (i32.eq (local.get $what) (i32.const 902)) (then (call $file_row (i32.const 0) (i64.const 2) (i32.const 512))))
    (block $b33 (block $b32 (block $b31 (block $b30 (block $b29 (block $b28 (block $b27 (block $b26 (block $b25
    (block $b24 (block $b23 (block $b22 (block $b21 (block $b20
    (block $b19 (block $b18 (block $b17 (block $b16 (block $b15
    (block $b14 (block $b13 (block $b12 (block $b11 (block $b10
    (block $b9 (block $b8 (block $b7 (block $b6 (block $b5
    (block $b4 (block $b3 (block $b2 (block $b1 (block $b0
      (br_table $b0 $b1 $b2 $b3 $b4 $b5 $b6 $b7 $b8 $b9 $b10 $b11 $b12 $b13 $b14 $b15 $b16
        $b17 $b18 $b19 $b20 $b21 $b22 $b23 $b24 $b25 $b26 $b27 $b28 $b29 $b30 $b31 $b32 $b33 (local.get $what)))
      ;; 0 nothing
      (return (i32.const 256)))
      ;; 1 round trip
      (call $round_trip) (return (i32.const 256)))
      ;; 2 trap
      (unreachable))
      ;; 3 endless loop
      (call $spin) (return (i32.const 256)))
      ;; 4 endless recursion
      (drop (call $recurse (i32.const 0))) (return (i32.const 256)))
      ;; 5 allocate past the limit
      (call $grow_until_refused) (unreachable))
      ;; 6 abort
      (call $abort (i32.const 1072) (i32.const 12)) (return (i32.const 256)))
      ;; 7 error
      (i32.store8 (i32.const 272) (i32.const 1))
      (i32.store (i32.const 276) (i32.const 1056))
      (i32.store (i32.const 280) (i32.const 7))
      (return (i32.const 272)))
      ;; 8 panic
      (call $panic (i32.const 1088) (i32.const 21)) (unreachable))
      ;; 9 move memory
      (call $move_memory) (return (i32.const 256)))
      ;; 10 sleep
      (call $sleep (i64.const 5000000)) (return (i32.const 256)))
      ;; 11 one call that doesn't wait
      (drop (call $now)) (return (i32.const 256)))
      ;; 12 a message of 64 KiB
      (memory.fill (i32.const 32768) (i32.const 65) (i32.const 65536))
      (call $log (i32.const 1) (i32.const 32768) (i32.const 65536)) (return (i32.const 256)))
      ;; 13 a check that was never registered
      (i32.store (i32.const 1332) (i32.const 198))
      (call $record (i32.const 1332) (i32.const 1)) (return (i32.const 256)))
      ;; 14 cope with a refused allocation
      (call $grow_until_refused) (return (i32.const 256)))
      ;; 15 compute 15 x 60 ms, with waits
      (call $compute_with_waits) (return (i32.const 256)))
      ;; 16 compute 400 ms without
      (call $compute (i64.const 400000000)) (return (i32.const 256)))
      ;; 17 look at a response
      (call $look_at_response) (return (i32.const 256)))
      ;; 18 keep a response
      (drop (call $get)) (return (i32.const 256)))
      ;; 19 send a body
      (call $send_a_body) (return (i32.const 256)))
      ;; 20 a failure
      (call $fail_to_send) (return (i32.const 256)))
      ;; 21 everything else
      (call $use_everything_else) (return (i32.const 256)))
      ;; 22 a metric that isn't declared
      (call $add (i32.const 9) (f64.const 1) (i32.const 0)) (return (i32.const 256)))
      ;; 23 text past the end of memory
      (call $log (i32.const 1) (i32.const 0x7fffff00) (i32.const 4096)) (return (i32.const 256)))
      ;; 24 hold requests without end
      (loop $again (drop (call $new_request)) (br $again))
      (unreachable))
      ;; 25 give the last response back when sending
      (call $get_giving_back) (return (i32.const 256)))
      ;; 26 end the run in its third iteration
      (return (select (i32.const 256) (i32.const 0) (i32.lt_u (global.get $iterations) (i32.const 2)))))
      ;; 27 compute 60 ms
      (call $compute (i64.const 60000000)) (return (i32.const 256)))
      ;; 28 compute 60 ms, and without end in the third iteration
      (if (i32.eq (global.get $iterations) (i32.const 2)) (then (call $spin)))
      (call $compute (i64.const 60000000)) (return (i32.const 256)))
      ;; 29 cope with a refused allocation, announce a panic that doesn't come, and trap in the next iteration
      (if (global.get $iterations) (then (unreachable)))
      (call $grow_until_refused)
      (call $panic (i32.const 1088) (i32.const 21)) (return (i32.const 256)))
      ;; 30 an error of 64 KiB
      (memory.fill (i32.const 32768) (i32.const 65) (i32.const 65536))
      (i32.store8 (i32.const 272) (i32.const 1))
      (i32.store (i32.const 276) (i32.const 32768))
      (i32.store (i32.const 280) (i32.const 65536))
      (return (i32.const 272)))
      ;; 31 two exchanges at a time
      (call $exchange_two) (return (i32.const 256)))
      ;; 32 jars
      (call $use_jars) (return (i32.const 256)))
      ;; 33 bodies in parts, and one that is read while it arrives
      (call $send_and_read_parts) (i32.const 256))

  (func (export "describe") (result i32)
    (i32.store (i32.const 700) (i32.const 1184))
    (i32.store (i32.const 704) (i32.const 9))
    (i32.store (i32.const 708) (i32.const 1232))
    (i32.store (i32.const 712) (i32.const 1))
    (i32.store (i32.const 716) (i32.const 1248))
    (i32.store (i32.const 720) (i32.const 1))
    (i32.store (i32.const 724) (i32.const 1300))
    (i32.store (i32.const 728) (i32.const 1))
    (i32.store8 (i32.const 732) (i32.const 1))
    (i32.const 700))

  ;; setup returns what `describe` has as options
  (func (export "setup") (result i32)
    (i32.store (i32.const 740) (i32.const 0))
    (i32.store8 (i32.const 744) (i32.const 1))
    (i32.store (i32.const 748) (i32.const 1184))
    (i32.store (i32.const 752) (i32.const 9))
    (i32.const 740))

  ;; the names that `describe` has as functions
  (func (export "scenario-setups") (result i32)
    (i32.store (i32.const 800) (i32.const 1232))
    (i32.store (i32.const 804) (i32.const 1))
    (i32.const 800))

  ;; 0 returns what `describe` has as options, 1 an error
  (func (export "setup-scenario") (param i32) (result i32)
    (i32.store (i32.const 740) (local.get 0))
    (i32.store8 (i32.const 744) (i32.const 1))
    (i32.store (i32.const 748) (i32.const 1184))
    (i32.store (i32.const 752) (i32.const 9))
    (if (local.get 0) (then
      (i32.store (i32.const 744) (i32.const 1056))
      (i32.store (i32.const 748) (i32.const 7))))
    (i32.const 740))

  (func (export "has-vu-init") (result i32) (i32.const 1))

  ;; an error the first time, ok from then on
  (func (export "init-vu") (result i32)
    (i32.store (i32.const 276) (i32.const 1056))
    (i32.store (i32.const 280) (i32.const 7))
    (i32.store8 (i32.const 272) (i32.eqz (i32.load (i32.const 1348))))
    (i32.store (i32.const 1348) (i32.const 1))
    (i32.const 272))

  (func (export "teardown") (result i32)
    (i32.store8 (i32.const 272) (i32.const 1))
    (i32.store (i32.const 276) (i32.const 1056))
    (i32.store (i32.const 280) (i32.const 7))
    (i32.const 272))

  ;; returns the pair ("x-kind", data)
  (func (export "summarize") (param i32 i32) (result i32)
    (i32.store (i32.const 760) (i32.const 1136))
    (i32.store (i32.const 764) (i32.const 6))
    (i32.store (i32.const 768) (local.get 0))
    (i32.store (i32.const 772) (local.get 1))
    (i32.store (i32.const 780) (i32.const 0))
    (i32.store (i32.const 784) (i32.const 760))
    (i32.store (i32.const 788) (i32.const 1))
    (i32.const 780))
)
