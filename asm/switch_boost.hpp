// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_boost.hpp: the backend that jumps with Boost.Context's fcontext.
#pragma once

#include <boost/context/detail/fcontext.hpp>

#include <cstdint>

namespace fiber::arch {

struct crossing;
using stack_pointer = boost::context::detail::fcontext_t;

struct landing {
    stack_pointer left; // what was suspended
    crossing* there;    // what it says
};

#if defined(__x86_64__)
extern "C" boost::context::detail::transfer_t fiber_arch_jump(stack_pointer to,
                                                              void* here) noexcept; // jump_x86_64.S
#else
inline auto fiber_arch_jump(stack_pointer to, void* here) noexcept {
    return boost::context::detail::jump_fcontext(to, here);
}
#endif

// Boost's x86-64 code carries MXCSR and the x87 control word along. Its aarch64 code leaves FPCR to us.
inline landing jump(stack_pointer to, crossing* here) noexcept {
#if defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
#endif
    auto const t = fiber_arch_jump(to, here);
#if defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(control));
#endif
    return {t.fctx, static_cast<crossing*>(t.data)};
}

} // namespace fiber::arch
