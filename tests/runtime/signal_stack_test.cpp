// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include "runtime/fault/signal_stack.hpp"

#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>

namespace rt = fiber::rt;

namespace {

// The permissions of the map entry that an address is in, such as rw-p; empty: it is in none.
std::string permissions_at(std::uintptr_t address) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::size_t at = 0;
        auto const begin = std::stoull(line, &at, 16);
        auto const end = std::stoull(line.substr(at + 1), nullptr, 16);
        if (begin <= address && address < end)
            return line.substr(line.find(' ') + 1, 4);
    }
    return {};
}

} // namespace

TEST_CASE("a thread's signal stack has a guard page below", "[signal_stack]") {
    tests::expect expect;
    std::thread([&] {
        stack_t none{}, before{}, mine{};
        none.ss_flags = SS_DISABLE; // sanitizers give a thread one of theirs
        expect(::sigaltstack(&none, &before) == 0);
        {
            rt::signal_stack const here;
            expect(::sigaltstack(nullptr, &mine) == 0 && (mine.ss_flags & SS_DISABLE) == 0);
            auto const bottom = reinterpret_cast<std::uintptr_t>(mine.ss_sp);
            expect(bottom % static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) == 0);
            expect(permissions_at(bottom) == "rw-p");
            expect(permissions_at(bottom - 1) == "---p");
        }
        ::sigaltstack(&before, nullptr);
    }).join();
}
