// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_watch.cpp: the two tables of FIBER_DEBUG=locks under one std::mutex, which is never held
// during a wait.
//
//   holders       each agent that has locked something, and the locks that it holds
//   locked_after  a graph: for each lock, the locks that were locked while it was held. A lock that
//                 closes a circle in the graph is an inversion.
#include "sync/lock_watch.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/exit_action.hpp"
#include "runtime/park.hpp"
#include "runtime/wait/wait_object.hpp"
#include "sync/caller_name.hpp"
#include "sync/misuse.hpp"
#include "sync/wait_watch.hpp"

#include <fiber/go.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

namespace fiber::detail {

constinit bool watching_locks = false;

} // namespace fiber::detail

namespace fiber::rt::lock_watch {
namespace {

// An agent that has locked something. The record lives until the agent ends.
struct holder : exit_action {
    holder() noexcept : exit_action{ended} {}
    static void ended(exit_action&) noexcept;
    [[nodiscard]] auto find(void const* lock) noexcept {
        return std::find_if(held.begin(), held.end(), [lock](watched const& w) { return w.at == lock; });
    }
    caller_name name = name_of_caller();
    std::vector<watched> held; // in the order of locking
};

struct tables {
    std::map<agent const*, std::unique_ptr<holder>> holders;
    std::map<void const*, std::set<void const*>> locked_after; // locked while the key was held
};

constinit no_destructor<std::mutex> guard; // guards `all` and *all
constinit tables* all = nullptr;           // never destroyed: fibers run on while the process exits

// Returns the record of the agent, or null if the agent has locked nothing yet.
holder* holder_of(agent const& who) noexcept {
    auto const found = all->holders.find(&who);
    return found != all->holders.end() ? found->second.get() : nullptr;
}

void holder::ended(exit_action& action) noexcept {
    std::lock_guard const hold(guard.value);
    if (running_in_fiber()) // no report for OS threads: the thread may be running exit()
        for (auto const& [lock, kind] : static_cast<holder&>(action).held)
            warn("%s %p: not unlocked by %s, which has ended", name_of(kind), lock, name_of_caller().text);
    all->holders.erase(&self());
}

// Returns true if the graph has a path between the two locks. `seen` collects the visited locks.
bool reaches(void const* from, void const* to, std::set<void const*>& seen) {
    if (from == to)
        return true;
    if (!seen.insert(from).second)
        return false;
    auto const next = all->locked_after.find(from);
    return next != all->locked_after.end() &&
           std::any_of(next->second.begin(), next->second.end(),
                       [&](void const* lock) { return reaches(lock, to, seen); });
}

void report_wait(wait_facts const& wait) noexcept {
    holder const* const waits = holder_of(wait.who);
    if (waits == nullptr || waits->held.empty())
        return;
    auto const ms = std::chrono::floor<std::chrono::milliseconds>(clock::now() - wait.since).count();
    warn("%s %p: held while %s has waited for %lld ms: %s %p", name_of(waits->held.back().kind),
         waits->held.back().at, waits->name.text, static_cast<long long>(ms), to_string(wait.why), wait.what);
}

// [fork] The guard is held across the fork, so the child finds consistent tables. A fiber that
// forks becomes another agent in the child, namely an OS thread: its record moves to the new key.
constinit agent const* forks = nullptr;

void before_fork() noexcept {
    guard.value.lock();
    forks = &self();
}
void after_fork() noexcept { guard.value.unlock(); }
void after_fork_in_child() noexcept {
    wait_watch::forget_watcher();
    if (auto me = all->holders.extract(forks); !me.empty()) {
        me.key() = &self();
        me.mapped()->name = name_of_caller(); // an OS thread, with another number
        all->holders.insert(std::move(me));
    }
    guard.value.unlock();
}

// The agent that has locked it first, if several hold it.
agent const* find_holder(void const* lock) noexcept {
    std::lock_guard const hold(guard.value);
    for (auto const& [who, record] : all->holders)
        if (record->find(lock) != record->held.end())
            return who;
    return nullptr;
}

void configure(std::string_view word) {
    std::string_view const name = word.substr(0, word.find('='));
    std::string_view const number = name.size() < word.size() ? word.substr(name.size() + 1) : "10";
    std::uint32_t ms = 0;
    auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), ms);
    if (name != "locks" || error != std::errc{} || end != number.data() + number.size()) {
        warn("FIBER_DEBUG=%.*s is ignored: it must be locks, or locks=<milliseconds>",
             static_cast<int>(word.size()), word.data());
        return;
    }
    all = new tables;
    if (int const failed = ::pthread_atfork(before_fork, after_fork, after_fork_in_child); failed != 0)
        fatal("cannot prepare for fork: pthread_atfork: %s", std::strerror(failed));
    holder_of_lock = find_holder;
    wait_watch::observe(std::chrono::milliseconds(ms), guard.value, report_wait);
    ::fiber::detail::watching_locks = true;
}

[[gnu::constructor(102)]] void configure_from_environment() {
    if (char const* const wanted = std::getenv("FIBER_DEBUG"); wanted != nullptr && *wanted != '\0')
        configure(wanted);
}

} // namespace

void about_to_lock(watched next) noexcept {
    std::lock_guard const hold(guard.value);
    holder const* const me = holder_of(self());
    if (me == nullptr)
        return;
    for (watched const& before : me->held) {
        if (!all->locked_after[before.at].insert(next.at).second)
            continue;
        std::set<void const*> seen;
        if (before.at == next.at)
            warn("%s %p: locked again by its holder: that can deadlock (in %s)", name_of(next.kind), next.at,
                 name_of_caller().text);
        else if (reaches(next.at, before.at, seen))
            warn("%s %p: locked after %s %p here, and before it elsewhere: that can deadlock (in %s)",
                 name_of(next.kind), next.at, name_of(before.kind), before.at, name_of_caller().text);
    }
}

void locked(watched lock) noexcept {
    std::lock_guard const hold(guard.value);
    holder* me = holder_of(self());
    if (me == nullptr) {
        auto made = std::make_unique<holder>();
        at_exit_of_self(*made);
        me = (all->holders[&self()] = std::move(made)).get();
    }
    me->held.push_back(lock);
    wait_watch::start_watcher();
}

void about_to_unlock(watched lock) noexcept {
    std::lock_guard const hold(guard.value);
    if (holder* const me = holder_of(self()); me != nullptr && me->find(lock.at) != me->held.end()) {
        me->held.erase(me->find(lock.at));
        return;
    }
    auto const has = [lock](auto const& entry) {
        return entry.second->find(lock.at) != entry.second->held.end();
    };
    if (std::any_of(all->holders.begin(), all->holders.end(), has))
        report_misuse(lock.kind, lock.at, "unlocked, but the caller does not hold it");
}

void forget(void const* lock) noexcept {
    std::lock_guard const hold(guard.value);
    all->locked_after.erase(lock);
    for (auto& entry : all->locked_after)
        entry.second.erase(lock);
}

} // namespace fiber::rt::lock_watch
