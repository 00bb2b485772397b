// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_watch.cpp: two tables under one std::mutex, which nobody holds across a wait: who holds what, and what has been
// locked while what was held. The second is a graph; a lock that closes a circle in it is an inversion.
#include "sync/lock_watch.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/base/immortal.hpp"
#include "runtime/park.hpp"
#include "sync/misuse.hpp"
#include "sync/party_name.hpp"

#include <fiber/mutex.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
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

using lock = ::fiber::mutex const*;

struct tables {
    std::map<party const*, std::vector<lock>> held;
    std::map<lock, std::set<lock>> then; // locked while the first was held
};

constinit immortal<std::mutex> guard; // of what follows
constinit tables* all = nullptr;      // never destroyed: fibers run on while the process exits

constinit std::chrono::milliseconds long_wait{10};

// Whether there is a way from one to the other.
bool leads(lock from, lock to, std::set<lock>& seen) {
    if (from == to)
        return true;
    if (!seen.insert(from).second)
        return false;
    auto const next = all->then.find(from);
    return next != all->then.end() &&
           std::any_of(next->second.begin(), next->second.end(), [&](lock l) { return leads(l, to, seen); });
}

void report_wait(wait_reason why, void const*, clock::time_point since) noexcept {
    auto const waited = std::chrono::floor<std::chrono::milliseconds>(clock::now() - since);
    if (waited < long_wait)
        return;
    std::lock_guard const hold(guard.value);
    auto const mine = all->held.find(&self());
    if (mine == all->held.end() || mine->second.empty())
        return;
    warn("fiber::mutex %p: held for the %lld ms for which %s waited: %s",
         static_cast<void const*>(mine->second.back()), static_cast<long long>(waited.count()),
         name_of_caller().text, to_string(why));
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
    long_wait = std::chrono::milliseconds(ms);
    all = new tables;
    // [fork] The tables are whole in the child, and the lock is free.
    auto const unlock = [] { guard.value.unlock(); };
    if (int const failed = ::pthread_atfork([] { guard.value.lock(); }, unlock, unlock); failed != 0)
        fatal("cannot prepare for fork: pthread_atfork: %s", std::strerror(failed));
    observe_waits(report_wait);
    ::fiber::detail::watching_locks = true;
}

[[gnu::constructor(102)]] void configure_from_environment() {
    if (char const* const wanted = std::getenv("FIBER_DEBUG"); wanted != nullptr && *wanted != '\0')
        configure(wanted);
}

} // namespace

void about_to_lock(lock l) noexcept {
    std::lock_guard const hold(guard.value);
    for (lock const before : all->held[&self()]) {
        if (!all->then[before].insert(l).second)
            continue;
        std::set<lock> seen;
        if (before != l && leads(l, before, seen))
            warn("fiber::mutex %p: locked after %p here, and before it elsewhere: that can deadlock (in %s)",
                 static_cast<void const*>(l), static_cast<void const*>(before), name_of_caller().text);
    }
}

void locked(lock l) noexcept {
    std::lock_guard const hold(guard.value);
    all->held[&self()].push_back(l);
}

void about_to_unlock(lock l) noexcept {
    std::lock_guard const hold(guard.value);
    auto const has = [l](auto const& entry) {
        return std::find(entry.second.begin(), entry.second.end(), l) != entry.second.end();
    };
    auto const mine = all->held.find(&self());
    if (mine != all->held.end() && has(*mine)) {
        mine->second.erase(std::find(mine->second.begin(), mine->second.end(), l));
        if (mine->second.empty())
            all->held.erase(mine);
    } else if (std::any_of(all->held.begin(), all->held.end(), has)) {
        misused("fiber::mutex", l, "unlocked by one who has not locked it");
    }
}

void forget(lock l) noexcept {
    std::lock_guard const hold(guard.value);
    all->then.erase(l);
    for (auto& entry : all->then)
        entry.second.erase(l);
}

} // namespace fiber::rt::lock_watch
