// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// entry_native.cpp: the first frame of every stack. exchange() jumps to it as if it had called it,
// with the first three arguments in registers.

#include "asm/switch/cfi.hpp"
#include "asm/switch/switch_native.hpp"

namespace fiber::arch {
namespace {

// The caller is declared unknown, so that debuggers and the C++ unwinder stop here. Otherwise they
// would continue into the memory above the stack.
[[gnu::noinline]] void first_frame(void* argument, commit_function commit, registers* self) noexcept {
    asm volatile(FIBER_CFI_OUTERMOST);
    begin(*self, {commit, argument});
}

} // namespace

void prepare(registers& r, void* bottom, std::size_t size) noexcept {
    r = {};
    r.sp = first_stack_pointer(static_cast<std::byte*>(bottom) + size);
    r.pc = reinterpret_cast<void const*>(first_frame);
}

} // namespace fiber::arch
