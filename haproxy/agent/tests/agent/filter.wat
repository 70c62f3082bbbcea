;; A filter that does what the second character of `:path` says, for tests of its host:
;;   a  lets the request pass
;;   d  answers 403
;;   t  ends its VM
;;   l  loops for ever
;;   p  holds the request until the next tick, 200 ms
;;   s  holds it for ever
;;   h  adds a header of 20,000 bytes
;;   n  adds a header with a line break in it
;;   r  answers the response in the upstream's place
;;   m  takes memory until there is no more, then lets pass
;; Its configuration is refused if it has no bytes.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $speak (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) ":path")
  (data (i32.const 32) "x-long")
  (data (i32.const 48) "a\r\nx-injected: b")
  (data (i32.const 80) "no")
  (data (i32.const 96) "test.denied")
  (global $heap (mut i32) (i32.const 8192))
  (global $held (mut i32) (i32.const 0))
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $size))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (drop (call $tick (i32.const 200)))
    (i32.const 1))
  (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
    (i32.gt_u (local.get $size) (i32.const 2)))
  (func (export "proxy_on_tick") (param i32)
    (loop $next
      (if (i32.gt_u (global.get $held) (i32.const 0))
        (then
          (global.set $held (i32.sub (global.get $held) (i32.const 1)))
          (drop (call $speak
            (i32.load (i32.add (i32.const 1024) (i32.shl (global.get $held) (i32.const 2))))))
          (drop (call $continue (i32.const 0)))
          (br $next)))))
  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (global.set $heap (i32.const 8192))
    (drop (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.add (i32.load (i32.const 0)) (i32.const 1))))
    (if (i32.eq (global.get $what) (i32.const 0x64)) ;; d
      (then
        (drop (call $reply (i32.const 403) (i32.const 96) (i32.const 11) (i32.const 80)
          (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))
        (return (i32.const 1))))
    (if (i32.eq (global.get $what) (i32.const 0x74)) (then (unreachable))) ;; t
    (if (i32.eq (global.get $what) (i32.const 0x6c)) (then (loop $for (br $for)))) ;; l
    (if (i32.eq (global.get $what) (i32.const 0x70)) ;; p
      (then
        (i32.store
          (i32.add (i32.const 1024) (i32.shl (global.get $held) (i32.const 2)))
          (local.get $context))
        (global.set $held (i32.add (global.get $held) (i32.const 1)))
        (return (i32.const 1))))
    (if (i32.eq (global.get $what) (i32.const 0x73)) (then (return (i32.const 1)))) ;; s
    (if (i32.eq (global.get $what) (i32.const 0x68)) ;; h
      (then
        (memory.fill (i32.const 65536) (i32.const 0x78) (i32.const 20000))
        (drop (call $add (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 65536)
          (i32.const 20000)))))
    (if (i32.eq (global.get $what) (i32.const 0x6e)) ;; n
      (then (drop (call $add (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 48)
        (i32.const 16)))))
    (if (i32.eq (global.get $what) (i32.const 0x6d)) ;; m
      (then (loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))))
    (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (if (i32.eq (global.get $what) (i32.const 0x72)) ;; r
      (then
        (drop (call $reply (i32.const 502) (i32.const 96) (i32.const 11) (i32.const 80)
          (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))
        (return (i32.const 1))))
    (i32.const 0)))
