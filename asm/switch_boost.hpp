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

// Boost's x86-64 code carries MXCSR and the x87 control word along. Its aarch64 code leaves FPCR to us.
inline landing jump(stack_pointer to, crossing* here) noexcept {
#if defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
#endif
    auto const t = boost::context::detail::jump_fcontext(to, here);
#if defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(control));
#endif
    return {t.fctx, static_cast<crossing*>(t.data)};
}

} // namespace fiber::arch
