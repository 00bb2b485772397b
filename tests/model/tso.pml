/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * tso.pml: memory as x86-64 has it. A store waits in its agent's buffer, of two entries here, and reaches memory some
 * time later, in order; a load sees the own buffer first, then memory. Interleaving alone would hide a missing fence.
 *
 * The model defines AGENTS and VARIABLES first, and FLUSHED(v) if something happens with a store. Each agent has a
 * variable `me`. What only read-modify-writes change, and what a mutex guards and all read under it, need no buffer: those
 * are ordinary variables, changed in an atomic step that begins with `drained`.
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
#define drained (b(me).n == 0) /* a fence, and the beginning of a read-modify-write: waits for it */

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

/* A fence; then each agent passes one while it lasts, not all at the same moment. `at`: a variable of the caller's, 0 again
 * after. */
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
