// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/registry.hpp"

#include "runtime/base/process/no_destructor.hpp"
#include "runtime/sched/debug_layout.hpp"
#include "runtime/sched/scheduler.hpp"

#include <vector>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> guard;
constinit scheduler* first = nullptr; // guarded by `guard`, as all links are

// The schedulers that were listed at one moment. Visits them, so that their destructors wait.
class visited_schedulers {
public:
    visited_schedulers() {
        std::size_t n = 0;
        do { // allocates without the lock
            all_.reserve(n);
        } while (!fill(n));
    }
    ~visited_schedulers() {
        for (scheduler* const s : all_)
            s->closing.end_visit();
    }
    visited_schedulers(visited_schedulers const&) = delete;
    visited_schedulers& operator=(visited_schedulers const&) = delete;

    [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
    [[nodiscard]] auto end() const noexcept { return all_.end(); }

private:
    // Returns false, and sets n, if there is room for fewer than n schedulers.
    [[nodiscard]] bool fill(std::size_t& n) noexcept {
        std::lock_guard const hold(guard.value);
        n = 0;
        for (scheduler const* s = first; s != nullptr; s = s->next_listed)
            ++n;
        if (n > all_.capacity())
            return false;
        for (scheduler* s = first; s != nullptr; s = s->next_listed) {
            s->closing.begin_visit();
            all_.push_back(s);
        }
        return true;
    }
    std::vector<scheduler*> all_;
};

} // namespace

std::mutex& schedulers_mutex() noexcept { return guard.value; }
void forget_schedulers() noexcept { first = nullptr; }

void enlist(scheduler& s) {
    std::lock_guard const hold(guard.value);
    s.next_listed = first;
    first = &s;
    complete_debug_layout(reinterpret_cast<void const* const*>(&first));
}

void delist(scheduler& s) noexcept {
    std::lock_guard const hold(guard.value);
    for (scheduler** at = &first; *at != nullptr; at = &(*at)->next_listed)
        if (*at == &s) {
            *at = s.next_listed;
            return;
        }
}

void for_each_scheduler(std::function<void(scheduler&)> const& f) {
    visited_schedulers const all;
    for (scheduler* const s : all)
        f(*s);
}

void wake_sysmons() noexcept {
    std::lock_guard const hold(guard.value);
    for (scheduler* s = first; s != nullptr; s = s->next_listed)
        s->sysmon.ensure_awake();
}

} // namespace fiber::rt
