// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exit_action.hpp: what a fiber or an OS thread does at its end.
#pragma once

namespace fiber::rt {

// An action for the end of the calling fiber or OS thread, after the destruction of its fiber::local
// variables. The action must not move before it runs. at_exit_of_self throws std::bad_alloc; then the
// action does not run.
struct exit_action {
    void (*run)(exit_action&) noexcept;
    exit_action* next = nullptr;
};
void at_exit_of_self(exit_action&);

// Returns true if the caller has values of fiber::local variables, or exit actions.
[[nodiscard]] bool self_has_locals() noexcept;

} // namespace fiber::rt
