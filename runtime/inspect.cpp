// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// inspect.cpp: the compiled half of <fiber/inspect.hpp>, and the dumps of one runtime.

#include <fiber/inspect.hpp>
#include <fiber/stack.hpp>

#include "runtime/inspect/dump.hpp"
#include "runtime/inspect/dump_thread.hpp"
#include "runtime/inspect/leaks.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace fiber {
namespace {

// A dump takes more stack than many fibers have.
constexpr std::size_t stack_of_dump = 64 * 1024;

} // namespace

[[gnu::noinline]] void runtime::dump(std::FILE* to, dump_options options) const {
    void const* const from = __builtin_return_address(0);
    with_stack(stack_of_dump, [&] {
        std::string const text = rt::report({rt::look_at_runtime(*scheduler_, options, from)}, options);
        std::fwrite(text.data(), 1, text.size(), to);
    });
}

[[gnu::noinline]] std::vector<fiber_info> runtime::fibers(dump_options options) const {
    void const* const from = __builtin_return_address(0);
    std::vector<fiber_info> all;
    with_stack(stack_of_dump, [&] {
        auto facts = rt::look_at_runtime(*scheduler_, options, from);
        all.reserve(facts.fibers.size());
        for (rt::fiber_facts& f : facts.fibers)
            all.push_back(std::move(f)); // the public part
    });
    return all;
}

[[gnu::noinline]] void dump_all(int fd, dump_options options) {
    void const* const from = __builtin_return_address(0);
    with_stack(stack_of_dump,
               [&] { rt::write_all(fd, rt::report(rt::look_at_all(options, from), options)); });
}

void dump_on_signal(int signal) { rt::dump_when_signalled(signal); }

leak_check::leak_check() : before_(rt::ids_of_live_fibers()) {}
leak_check::~leak_check() = default;

namespace {

std::vector<std::uint64_t> newer_fibers(std::vector<std::uint64_t> const& before) {
    std::vector<std::uint64_t> const now = rt::ids_of_live_fibers();
    std::vector<std::uint64_t> newer;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(newer));
    return newer;
}

} // namespace

[[gnu::noinline]] std::vector<fiber_info> leak_check::leaked(std::chrono::nanoseconds grace) const {
    constexpr std::chrono::milliseconds pause(1);
    void const* const from = __builtin_return_address(0);
    auto const until = detail::deadline_after(grace);
    auto left = newer_fibers(before_);
    for (; !left.empty() && std::chrono::steady_clock::now() < until; left = newer_fibers(before_))
        this_fiber::sleep_for(pause);
    std::vector<fiber_info> leaks;
    if (left.empty())
        return leaks;
    with_stack(stack_of_dump, [&] {
        for (rt::runtime_facts& r : rt::look_at_all({}, from))
            for (rt::fiber_facts& f : r.fibers)
                if (std::binary_search(left.begin(), left.end(), f.number))
                    leaks.push_back(std::move(f)); // the public part
    });
    return leaks;
}

} // namespace fiber
