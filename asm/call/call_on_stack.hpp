// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// call_on_stack.hpp: a call that runs on another stack. It does not switch: it is the same flow of
// control, and an exception may leave it like any call.
#pragma once

#include "asm/sanitizer.hpp"

#include <cstddef>

extern "C" void fiber_arch_call_on_stack(void* top, void (*body)(void*), void* argument); // call_on_stack.S

namespace fiber::arch {

// Calls body(argument) with its frames below `top`, on the stack that begins at `bottom`.
inline void call_on_stack(void* bottom, void* top, void (*body)(void*), void* argument) {
    struct call {
        void (*body)(void*);
        void* argument;
        extension_notes notes{};

        // Runs on the stack extension. Its frame outlives the sanitizer's record of that stack.
        FIBER_NO_ASAN static void entry(void* self) {
            auto& c = *static_cast<call*>(self);
            c.notes.on_entry();
            struct exit_notice {
                extension_notes& notes;
                FIBER_NO_ASAN ~exit_notice() { notes.on_exit(); }
            } const at_the_end{c.notes};
            c.body(c.argument);
        }
    } c{body, argument};
    struct return_notice {
        extension_notes& notes;
        ~return_notice() { notes.after_call(); }
    } const at_the_end{c.notes};
    c.notes.before_call(
        bottom, static_cast<std::size_t>(static_cast<std::byte*>(top) - static_cast<std::byte*>(bottom)));
    fiber_arch_call_on_stack(top, call::entry, &c);
}

} // namespace fiber::arch
