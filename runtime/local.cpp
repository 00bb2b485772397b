// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/local_table.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/thread_party.hpp"

#include <fiber/local.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

namespace fiber::rt {
namespace {

// Null: it has none yet.
local_table* table_of_caller() noexcept {
    party& me = self();
    if (!me.is_fiber())
        return static_cast<thread_party&>(me).locals;
    auto const& g = static_cast<fiber&>(me);
    return g.has_locals ? g.locals : nullptr;
}

local_table& make_table_of_caller() {
    if (local_table* const table = table_of_caller())
        return *table;
    auto* const made = new local_table;
    party& me = self();
    if (me.is_fiber()) {
        auto& g = static_cast<fiber&>(me);
        g.locals = made;
        g.has_locals = true;
    } else {
        static_cast<thread_party&>(me).locals = made;
    }
    return *made;
}

} // namespace

void* local_table::find(std::uint64_t variable) const noexcept {
    auto const at = std::find_if(entries_.begin(), entries_.end(),
                                 [=](entry const& e) { return e.variable == variable; });
    return at != entries_.end() ? at->value : nullptr;
}

void local_table::add(std::uint64_t variable, void* value, void (*end)(void*)) {
    entries_.push_back({variable, value, end});
}

void local_table::add(exit_action& action) noexcept { action.next = std::exchange(last_action_, &action); }

void local_table::destroy_all(local_table*& of) noexcept {
    while (!of->entries_.empty() || of->last_action_ != nullptr) {
        if (of->entries_.empty()) {
            exit_action& action = *of->last_action_;
            of->last_action_ = action.next;
            action.run(action); // action is gone; may use variables, and park
            continue;
        }
        entry const last = of->entries_.back();
        of->entries_.pop_back();
        last.destroy(last.value); // may use other variables, and park
    }
    delete std::exchange(of, nullptr);
}

void at_exit_of_self(exit_action& action) { make_table_of_caller().add(action); }

bool self_has_locals() noexcept { return table_of_caller() != nullptr; }

} // namespace fiber::rt

namespace fiber::detail {

std::uint64_t new_local_variable() noexcept {
    static std::atomic<std::uint64_t> next{1};
    return next.fetch_add(1, std::memory_order_relaxed); // uniqueness needs no order
}

void* find_local(std::uint64_t variable) noexcept {
    rt::local_table const* const table = rt::table_of_caller();
    return table != nullptr ? table->find(variable) : nullptr;
}

void add_local(std::uint64_t variable, void* value, void (*destroy)(void*)) {
    rt::make_table_of_caller().add(variable, value, destroy);
}

} // namespace fiber::detail
