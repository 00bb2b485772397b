// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// entry.cpp: the first frame of every fiber's stack.

#include "asm/switch.hpp"

namespace fiber::arch {
namespace {

// The caller's return address is declared undefined, so that debuggers and the C++ unwinder stop here instead
// of running on into whatever lies above the stack. An exception cannot leave: the entry function is
// noexcept.
[[gnu::noinline]] void first_frame(boost::context::detail::transfer_t t) noexcept {
#if defined(__x86_64__)
    asm volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
    asm volatile(".cfi_undefined x30");
#endif
    auto const* const there = static_cast<crossing const*>(t.data);
    entry_function const entry = there->to->entry;
    arrive(t.fctx, there);
    entry();
    __builtin_unreachable();
}

} // namespace

void make_context(context& c, void* bottom, std::size_t size, entry_function entry) noexcept {
    c.sanitizer.attach(bottom, size);
    c.sp = boost::context::detail::make_fcontext(static_cast<std::byte*>(bottom) + size, size, first_frame);
    c.entry = entry;
}

} // namespace fiber::arch
