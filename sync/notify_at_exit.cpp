// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/exit_action.hpp"

#include <fiber/condition_variable.hpp>

#include <memory>
#include <utility>

namespace fiber {

void notify_all_at_thread_exit(condition_variable& condition, std::unique_lock<mutex> lock) {
    struct action : rt::exit_action {
        action(condition_variable& c, std::unique_lock<mutex>&& l) noexcept
            : rt::exit_action{notify_and_delete}, changed(c), held(std::move(l)) {}
        static void notify_and_delete(rt::exit_action& a) noexcept {
            std::unique_ptr<action> const mine(static_cast<action*>(&a));
            mine->changed.notify_all(); // before the unlock: a woken waiter may then destroy both
        }
        condition_variable& changed;
        std::unique_lock<mutex> held;
    };
    auto at_exit = std::make_unique<action>(condition, std::move(lock));
    rt::at_exit_of_self(*at_exit);
    static_cast<void>(at_exit.release());
}

} // namespace fiber
