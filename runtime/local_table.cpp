// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/local_table.hpp"

#include <algorithm>
#include <utility>

namespace fiber::rt {

void* local_table::find(std::uint64_t variable) const noexcept {
    auto const at = std::find_if(entries_.begin(), entries_.end(),
                                 [=](entry const& e) { return e.variable == variable; });
    return at != entries_.end() ? at->value : nullptr;
}

void local_table::add(detail::local_variable const& variable, void* value, void (*end)(void*)) {
    std::vector<entry> gone;
    bool const sweep = entries_.size() >= sweep_at_;
    if (sweep)
        gone.reserve(entries_.size());
    entries_.push_back({variable.number(), variable.record(), value, end}); // nothing after this line throws
    if (sweep)
        take_gone(gone);
    for (; !gone.empty(); gone.pop_back())
        gone.back().destroy(gone.back().value); // may use other variables, and park
}

// Moves the values of destroyed variables to `to`, in the order of making. The caller has reserved enough
// memory.
void local_table::take_gone(std::vector<entry>& to) noexcept {
    auto kept = entries_.begin();
    for (entry const& e : entries_)
        if (e.record->is(e.variable)) // read once: another thread may destroy the variable at any time
            *kept++ = e;
        else
            to.push_back(e);
    entries_.erase(kept, entries_.end());
    sweep_at_ = std::max(min_sweep, 2 * entries_.size());
}

void local_table::add(exit_action& action) noexcept { action.next = std::exchange(last_action_, &action); }

void local_table::destroy_all(local_table*& of) noexcept {
    while (!of->entries_.empty() || of->last_action_ != nullptr) {
        if (of->entries_.empty()) {
            exit_action& action = *of->last_action_;
            of->last_action_ = action.next;
            action.run(action); // action may be destroyed here; run may use variables, and park
            continue;
        }
        entry const last = of->entries_.back();
        of->entries_.pop_back();
        last.destroy(last.value); // may use other variables, and park
    }
    delete std::exchange(of, nullptr);
}

} // namespace fiber::rt
