// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_aarch64.hpp: registers and exchange() for AAPCS64. README.md has pictures.
#pragma once

#include "asm/switch/cfi.hpp"
#include "asm/switch/switch_backend.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::arch {

// x19 and x29 are saved here and not declared as clobbered, because the compiler may need them to
// find its frame. The compiler saves the others: x20 to x28, x30 and d8 to d15. Pairs are in the
// order of stp and ldp.
struct registers {
    void* sp = nullptr;
    void const* pc = nullptr;
    void* x29 = nullptr;
    void* x19 = nullptr;
    std::uint64_t fpcr = 0; // the value of a new process, and of a new flow
};

inline void* first_stack_pointer(void* top) noexcept {
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15});
}

// As on x86-64, nothing is pushed, FPCR is written only if it differs, and the resume address is
// behind the jump. The jump uses x16: with -mbranch-protection, a `bti c` at a function's start
// accepts jumps by x16 and x17 only.
inline switch_args exchange(registers& from, registers& to, switch_args c) noexcept {
    static_assert(offsetof(registers, sp) == 0 && offsetof(registers, pc) == 8 &&
                  offsetof(registers, x29) == 16 && offsetof(registers, x19) == 24 &&
                  offsetof(registers, fpcr) == 32);
    register void* argument asm("x0") = c.argument;
    register commit_function commit asm("x1") = c.commit;
    register registers* arriving asm("x2") = &to;
    register registers* leaving asm("x3") = &from;
    asm volatile("mrs     x9, fpcr\n\t"
                 "adr     x10, 1f\n\t"
                 "mov     x11, sp\n\t"
                 "stp     x11, x10, [x3]\n\t"
                 "stp     x29, x19, [x3, #16]\n\t"
                 "str     x9, [x3, #32]\n\t"
                 "ldr     x12, [x2, #32]\n\t"
                 "ldp     x11, x16, [x2]\n\t"
                 "cmp     x9, x12\n\t"
                 "b.ne    2f\n\t"
                 "3:\n\t" FIBER_CFI_BETWEEN_STACKS //
                 "ldp     x29, x19, [x2, #16]\n\t"
                 "mov     x30, xzr\n\t" // because a first frame has no caller
                 "mov     sp, x11\n\t"
                 "br      x16\n\t" FIBER_CFI_BETWEEN_STACKS_END //
                 "2:\n\t"
                 "msr     fpcr, x12\n\t"
                 "b       3b\n"
                 "1:\n\t"
                 "hint    #36\n\t" // bti j
                 : "+r"(argument), "+r"(commit), "+r"(arriving), "+r"(leaving)
                 :
                 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                   "x18", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1",
                   "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
                   "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                   "v29", "v30", "v31",
#if defined(__ARM_FEATURE_SVE)
                   "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
                   "p14", "p15", "ffr",
#endif
                   "memory", "cc");
    return {commit, argument};
}

} // namespace fiber::arch
