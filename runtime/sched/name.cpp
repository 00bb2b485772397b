// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/name.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/wait/wait_object.hpp"

#include <cstdio>
#include <cstring>
#include <mutex>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> names; // guards the texts of all fibers' names

bool is_of_library(char const* name) noexcept {
    auto const at = reinterpret_cast<std::uintptr_t>(name);
    auto const begin = reinterpret_cast<std::uintptr_t>(&library_names);
    return at - begin < sizeof library_names;
}

} // namespace

std::mutex& names_mutex() noexcept { return names.value; }

void set_name(fiber& g, std::string_view name) {
    if (name.empty())
        return;
    std::size_t const odd = is_of_library(name.data()) ? 1 : 0;
    static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ % 2 == 0);
    char* const copy = new char[odd + name.size() + 1] + odd;
    std::memcpy(copy, name.data(), name.size());
    copy[name.size()] = '\0';
    auto const hold = lock_adaptive(names.value);
    g.name = copy;
}

void free_name(fiber& g) noexcept {
    auto const hold = lock_adaptive(names.value);
    char const* const name = g.name;
    delete[](name - (is_library_fiber(g) ? 1 : 0));
    g.name = nullptr;
}

std::string copy_of_name(fiber const& g) {
    if (g.name == nullptr)
        return {};
    auto const hold = lock_adaptive(names.value);
    char const* const name = g.name;
    return name != nullptr ? name : "";
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
