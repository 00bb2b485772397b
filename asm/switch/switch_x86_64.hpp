// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_x86_64.hpp: registers and exchange() for the System V ABI. README.md has pictures.
#pragma once

#include "asm/switch/cfi.hpp"
#include "asm/switch/floating_point.hpp"
#include "asm/switch/switch_backend.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::arch {

// rbx and rbp are saved here and not declared as clobbered, because the compiler may need them to
// find its frame. The compiler saves r12 to r15.
struct registers {
    void* sp = nullptr;
    void const* pc = nullptr;
    void* rbp = nullptr;
    void* rbx = nullptr;
    std::uint32_t mxcsr = first_mxcsr;
    std::uint16_t x87 = first_x87_control;
};

// Returns the initial stack pointer. A function that is entered by a jump expects a return address
// on a stack that was aligned to 16 bytes. The return address is null, where tools that follow
// frame pointers stop.
inline void* first_stack_pointer(void* top) noexcept {
    auto const aligned = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
    auto* const sp = reinterpret_cast<void**>(aligned) - 1;
    *sp = nullptr;
    return sp;
}

// Nothing is pushed: the compiler may keep data below the stack pointer, and its frame description
// stays right. Control words are stored always, but loaded out of line and only if they differ:
// README.md, "Decisions". The CPU predicts the indirect jump from its history; it would predict a call
// and a ret only between the same two call sites. Each function that inlines exchange() has a separate
// resume address, so `pc` is part of registers.
inline switch_args exchange(registers& from, registers& to, switch_args c) noexcept {
    registers* leaving = &from;
    registers* arriving = &to;
    asm volatile(
        "stmxcsr %c[mxcsr](%[from])\n\t"
        "fnstcw  %c[x87](%[from])\n\t"
        "leaq    1f(%%rip), %%rcx\n\t"
        "movq    %%rsp, %c[sp](%[from])\n\t"
        "movq    %%rcx, %c[pc](%[from])\n\t"
        "movq    %%rbp, %c[rbp](%[from])\n\t"
        "movq    %%rbx, %c[rbx](%[from])\n\t"
        "movl    %c[mxcsr](%[from]), %%r8d\n\t"
        "movzwl  %c[x87](%[from]), %%r9d\n\t"
        "cmpl    %%r8d, %c[mxcsr](%[to])\n\t"
        "jne     2f\n\t"
        "cmpw    %%r9w, %c[x87](%[to])\n\t"
        "jne     2f\n\t"
        "3:\n\t" FIBER_CFI_BETWEEN_STACKS //
        "movq    %c[rbx](%[to]), %%rbx\n\t"
        "movq    %c[rbp](%[to]), %%rbp\n\t"
        "movq    %c[sp](%[to]), %%rsp\n\t"
        "jmp     *%c[pc](%[to])\n\t" FIBER_CFI_BETWEEN_STACKS_END //
        "2:\n\t"
        "ldmxcsr %c[mxcsr](%[to])\n\t"
        "fldcw   %c[x87](%[to])\n\t"
        "jmp     3b\n"
        "1:\n\t"
        "endbr64\n\t" // with -fcf-protection, where indirect jumps may land
        : "+D"(c.argument), "+S"(c.commit), [to] "+d"(arriving), [from] "+a"(leaving)
        : [sp] "i"(offsetof(registers, sp)), [pc] "i"(offsetof(registers, pc)),
          [rbp] "i"(offsetof(registers, rbp)), [rbx] "i"(offsetof(registers, rbx)),
          [mxcsr] "i"(offsetof(registers, mxcsr)), [x87] "i"(offsetof(registers, x87))
        : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
          "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#if defined(__AVX512F__)
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26",
          "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
          "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "memory", "cc");
    return c;
}

} // namespace fiber::arch
