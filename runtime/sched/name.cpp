// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/name.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/no_destructor.hpp"

#include <cstdio>
#include <cstring>
#include <mutex>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> names; // guards the texts of all fibers' names

} // namespace

std::mutex& names_mutex() noexcept { return names.value; }

void set_name(fiber& g, std::string_view name) {
    if (name.empty())
        return;
    auto* const copy = new char[name.size() + 1];
    std::memcpy(copy, name.data(), name.size());
    copy[name.size()] = '\0';
    auto const hold = lock_adaptive(names.value);
    g.name = copy;
}

void free_name(fiber& g) noexcept {
    auto const hold = lock_adaptive(names.value);
    delete[] g.name;
    g.name = nullptr;
}

fiber_name full_name(fiber const& g) noexcept {
    fiber_name made;
    auto const id = static_cast<unsigned long long>(g.id);
    if (g.name == nullptr) {
        std::snprintf(made.text, sizeof made.text, "fiber %llu", id);
        return made;
    }
    auto const hold = lock_adaptive(names.value);
    char const* const name = g.name;
    std::snprintf(made.text, sizeof made.text, "fiber %llu \"%s\"", id, name != nullptr ? name : "");
    return made;
}

} // namespace fiber::rt
