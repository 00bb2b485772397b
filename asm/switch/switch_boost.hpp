// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_boost.hpp: the backend that switches with Boost.Context's fcontext.
#pragma once

#include "asm/switch/switch_backend.hpp"

#include <boost/context/detail/fcontext.hpp>

#include <cstdint>

namespace fiber::arch {

struct registers {
    boost::context::detail::fcontext_t sp = nullptr; // Boost stores the registers on the stack
};

#if defined(__x86_64__)
extern "C" boost::context::detail::transfer_t fiber_arch_jump(boost::context::detail::fcontext_t to,
                                                              void* here) noexcept; // jump_x86_64.S
#else
inline auto fiber_arch_jump(boost::context::detail::fcontext_t to, void* here) noexcept {
    return boost::context::detail::jump_fcontext(to, here);
}
#endif

// Lives on the old stack until the new flow has read it.
struct switch_payload {
    registers* from;
    registers* to;
    switch_args args;
};

// Stores the stack pointer of `from`, which is known only after the jump, and returns the
// arguments. Runs first on the new stack.
inline switch_args unpack(boost::context::detail::transfer_t const& t) noexcept {
    auto const* const l = static_cast<switch_payload const*>(t.data);
    l->from->sp = t.fctx;
    return l->args;
}

// Boost's x86-64 code switches MXCSR and the x87 control word. Its aarch64 code leaves FPCR to the
// caller.
inline switch_args exchange(registers& from, registers& to, switch_args c) noexcept {
    switch_payload here{&from, &to, c};
#if defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
#endif
    auto const t = fiber_arch_jump(to.sp, &here);
#if defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(control));
#endif
    return unpack(t);
}

} // namespace fiber::arch
