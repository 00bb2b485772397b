// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// entry.cpp: makes contexts, and begins their flows of control.

#include "asm/switch/switch.hpp"

namespace fiber::arch {

void make_context(context& c, void* bottom, std::size_t size, entry_function entry) noexcept {
    c.sanitizer.attach(bottom, size);
    c.growth.attach(bottom);
    c.entry = entry;
    prepare(c, bottom, size);
}

void begin(registers& self, switch_args const& c) noexcept {
    auto& here = static_cast<context&>(self);
    finish_switch(here, c);
    here.entry(); // noexcept: an exception cannot leave
    __builtin_unreachable();
}

} // namespace fiber::arch
