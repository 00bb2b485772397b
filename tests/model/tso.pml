/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * tso.pml: the memory model of x86-64. A store waits in the store buffer of its agent, with two
 * entries here, and reaches memory some time later, in order. A load reads its own buffer first,
 * then memory. Interleaving without buffers would hide a missing fence.
 *
 * A model defines AGENTS and VARIABLES before it includes this file, and FLUSHED(v) if something
 * happens when a store reaches memory. Each agent has a variable `me`. Some variables need no
 * buffer: variables that only read-modify-writes change, and variables that are read and written
 * under a mutex only. They are ordinary variables of spin, and change in an atomic step that begins
 * with `drained`.
 */
#ifndef FLUSHED
#define FLUSHED(v)
#endif

byte memory[VARIABLES];
typedef store_buffer {
    byte n;
    byte what[2];
    byte value[2]
};
store_buffer buffer[AGENTS];

#define b(i) buffer[i]
#define load(v)                                                                                                        \
    (b(me).n == 2 && b(me).what[1] == (v) -> b(me).value[1]                                                            \
                                          : (b(me).n >= 1 && b(me).what[0] == (v) -> b(me).value[0] : memory[v]))
#define drained (b(me).n == 0) /* a fence, or the start of a read-modify-write */

inline store(v, x) {
    atomic {
        b(me).n < 2;
        b(me).value[b(me).n] = x;
        b(me).what[b(me).n] = v;
        b(me).n++
    }
}

inline add(v, difference) { /* plain: a load, then a store */
    atomic {
        b(me).n < 2;
        b(me).value[b(me).n] = load(v) + difference;
        b(me).what[b(me).n] = v;
        b(me).n++
    }
}

inline flush_one(i) {
    memory[b(i).what[0]] = b(i).value[0];
    FLUSHED(b(i).what[0])
    b(i).what[0] = b(i).what[1];
    b(i).value[0] = b(i).value[1];
    b(i).what[1] = 0;
    b(i).value[1] = 0;
    b(i).n--
}

/* A heavy fence. During it each agent passes a fence, at different moments. `at` is a variable of the
 * caller, 0 before and after. */
inline membarrier(at) {
    drained;
    do
    :: atomic { at < AGENTS -> do :: b(at).n > 0 -> flush_one(at) :: else -> break od; at++ }
    :: else -> at = 0; break
    od
}

active proctype caches() {
    byte i;
end:
    do
    :: atomic { b(0).n > 0 -> flush_one(0) }
#if AGENTS > 1
    :: atomic { b(1).n > 0 -> flush_one(1) }
#endif
#if AGENTS > 2
    :: atomic { b(2).n > 0 -> flush_one(2) }
#endif
#if AGENTS > 3
    :: atomic { b(3).n > 0 -> flush_one(3) }
#endif
    od
}
