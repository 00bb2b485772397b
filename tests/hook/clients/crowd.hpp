// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// crowd.hpp: many clients, each in a fiber, of a server that answers nobody before all have asked. A client
// library that blocks its OS thread would need a thread for each client.
//
// Machines: a client that begins or ends opens files, and takes locks of its library. If its OS thread sleeps
// there for some 40 µs, its processor gets another machine, which stays. Clients that come and go one by one
// need few machines. If all come at once, all may meet at one lock, and there is no bound that holds on each
// machine. descriptor_table.cpp in tests/process checks the one cause that is known: the kernel's table.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/sockets.hpp"
#include "tests/support/tally.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace tests {

// The number of clients: $FIBER_HOOK_CLIENTS, or 200.
inline int crowd_size() {
    char const* const wanted = std::getenv("FIBER_HOOK_CLIENTS");
    return wanted != nullptr ? std::atoi(wanted) : 200;
}

// What a server answers to the client with this number: some 50 KB, more than a client reads at once.
inline std::string answer_to(int question) {
    std::string word = std::to_string(question);
    word.append(" squared is ").append(std::to_string(question * question)).append("; ");
    std::string text;
    while (text.size() < 50'000)
        text += word;
    return text;
}

// Raises the limit of open files, of this process and its children, to what the system allows.
inline void raise_descriptor_limit() {
    rlimit limit{};
    must(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    must(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

inline unsigned threads_of_process() {
    namespace fs = std::filesystem;
    return static_cast<unsigned>(
        std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

// Prints what the crowd has cost.
inline void report_crowd(bool one_by_one, fiber::runtime_stats const& before,
                         fiber::runtime_stats const& waiting, fiber::runtime_stats const& after) {
    auto const plain = [](fiber::runtime_stats const& s) {
        return s.hooked_under_lock + s.hooked_in_handler + s.hooked_in_vfork + s.hooked_in_loader +
               s.hooked_off + s.hooked_on_foreign_stack;
    };
    std::printf("%s: %d clients come %s: %u processors, %u machines while all wait, %u at the end, "
                "%llu calls have parked, %llu were plain\n",
                Catch::getResultCapture().getCurrentTestName().c_str(), crowd_size(),
                one_by_one ? "one by one" : "at once", after.processors, waiting.machines, after.machines,
                static_cast<unsigned long long>(after.hooked_parked - before.hooked_parked),
                static_cast<unsigned long long>(plain(after) - plain(before)));
}

// Runs client(i) for all numbers, each in a fiber, and checks that they wait without OS threads. Nothing else
// runs in the runtime but the server, if it consists of fibers. `server` has
//   wait_for_questions(n)   returns when n clients have asked, or are about to wait for it
//   answer(i)               answers one more client. Called for all numbers in order. A server that has to
//                           answer all at once does so for the first, and has answers_all_at_once
// which the OS thread of the test calls. The test case runs twice: the clients come and go one by one, and at
// once.
template <class Server, class Client>
void check_crowd(fiber::runtime& here, Server& server, Client const& client) {
    bool const one_by_one = GENERATE(true, false);
    int const size = crowd_size();
    auto const before = here.stats();
    unsigned const other_threads = threads_of_process() - before.machines;
    unsigned const few_machines = before.processors + 4;
    auto const few_are_awake = [&] {
        auto const now = here.stats();
        return now.fibers_live - now.fibers_parked <= 1;
    };

    std::atomic<int> gone{0};
    std::vector<fiber::handle> clients;
    for (int i = 0; i < size; ++i) {
        clients.push_back(here.go([&, i] {
            client(i);
            ++gone;
        }));
        if (one_by_one) {
            server.wait_for_questions(i + 1);
            REQUIRE(comes_true(few_are_awake));
        }
    }
    server.wait_for_questions(size);
    until_parked(static_cast<std::size_t>(size), here);
    auto const waiting = here.stats();
    CHECK(waiting.hooked_parked - before.hooked_parked >= static_cast<unsigned>(size));
    CHECK((!one_by_one || waiting.machines <= few_machines));
    bool const go_one_by_one = one_by_one && !requires { Server::answers_all_at_once; };
    for (int i = 0; i < size; ++i) {
        server.answer(i);
        if (go_one_by_one)
            until([&] { return gone > i; });
    }
    join_all(clients);
    auto const after = here.stats();
    CHECK((!go_one_by_one || after.machines <= few_machines));
    CHECK(threads_of_process() <= other_threads + here.stats().machines);
    report_crowd(one_by_one, before, waiting, after);
}

} // namespace tests
