// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signal_context.hpp: where a signal has interrupted a thread.
#pragma once

#include <cstdint>
#include <ucontext.h>

namespace fiber::arch {

struct interrupted_at {
    std::uintptr_t pc = 0, sp = 0; // 0 if unknown for this architecture
};

[[nodiscard]] inline interrupted_at interrupted(void const* context) noexcept {
#if defined(__x86_64__)
    auto const& registers = static_cast<ucontext_t const*>(context)->uc_mcontext.gregs;
    return {static_cast<std::uintptr_t>(registers[REG_RIP]), static_cast<std::uintptr_t>(registers[REG_RSP])};
#elif defined(__aarch64__)
    auto const& registers = static_cast<ucontext_t const*>(context)->uc_mcontext;
    return {registers.pc, registers.sp};
#else
    static_cast<void>(context);
    return {};
#endif
}

} // namespace fiber::arch
