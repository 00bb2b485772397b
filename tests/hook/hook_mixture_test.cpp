// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_mixture_test.cpp: random hooked calls have the same results, errno and bytes as plain ones. The same
// program runs in fibers and in OS threads, where calls are plain.

#include "tests/hook/mixed_calls.hpp"

#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string run_program(std::uint64_t number) {
    constexpr int steps = 300;
    tests::mixed_calls program(number);
    for (int i = 0; i < steps; ++i)
        program.step();
    return program.transcript();
}

// Returns the end of what is the same, and what comes next.
std::string difference(std::string const& in_fiber, std::string const& in_thread) {
    auto const [fiber, thread] =
        std::mismatch(in_fiber.begin(), in_fiber.end(), in_thread.begin(), in_thread.end());
    constexpr std::size_t length = 300;
    auto const at = static_cast<std::size_t>(fiber - in_fiber.begin());
    std::size_t const begin = at - std::min(at, length);
    return "…" + in_fiber.substr(begin, at - begin) + "\nfiber: " + in_fiber.substr(at, length) +
           "…\nthread: " + in_thread.substr(at, length) + "…";
}

} // namespace

TEST_CASE("random calls have the same results in fibers as in OS threads", "[hook]") {
    auto* const before = std::signal(SIGPIPE, SIG_IGN);
    constexpr std::size_t programs = 8;
    std::array<std::string, programs> in_fibers, in_threads;
    auto const parked = fiber::runtime::global().stats().hooked_parked;
    std::vector<fiber::handle> fibers;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < programs; ++i)
        fibers.push_back(fiber::go([&, i] { in_fibers[i] = run_program(i); }));
    for (auto& f : fibers)
        f.join();
    CHECK(fiber::runtime::global().stats().hooked_parked > parked);
    for (std::size_t i = 0; i < programs; ++i)
        threads.emplace_back([&, i] { in_threads[i] = run_program(i); });
    for (auto& t : threads)
        t.join();
    for (std::size_t i = 0; i < programs; ++i)
        if (in_fibers[i] != in_threads[i])
            FAIL_CHECK("program " << i << ": " << difference(in_fibers[i], in_threads[i]));
    std::signal(SIGPIPE, before);
}
