// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// entry_boost.cpp: the first frame of every stack, as make_fcontext calls it.

#include "asm/switch/cfi.hpp"
#include "asm/switch/floating_point.hpp"
#include "asm/switch/switch_boost.hpp"

namespace fiber::arch {
namespace {

// The caller is declared unknown, so that debuggers and the C++ unwinder stop here. Otherwise they
// would continue into the memory above the stack.
[[gnu::noinline]] void first_frame(boost::context::detail::transfer_t t) noexcept {
    asm volatile(FIBER_CFI_OUTERMOST);
    auto const* const l = static_cast<switch_payload const*>(t.data);
    registers& self = *l->to;
    begin_floating_point(); // replaces the modes of prepare()'s caller, which Boost has copied
    begin(self, unpack(t));
}

} // namespace

void prepare(registers& r, void* bottom, std::size_t size) noexcept {
    r.sp = boost::context::detail::make_fcontext(static_cast<std::byte*>(bottom) + size, size, first_frame);
}

} // namespace fiber::arch
