// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leaks_of_each_kind KIND forgotten|mended: leak_check and the report at exit find the fibers that a program
// has forgotten, by their start and their wait. They find nothing in the mended program. The expected output
// of each kind is in CMakeLists.txt.

#include "tests/process/forgotten.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <unwind.h>
#include <utility>
#include <vector>

namespace {

struct program {
    std::string_view name;
    void (*run)(bool mended);
};
constexpr program programs[] = {
    {"nobody_sends", tests::nobody_sends},
    {"nobody_receives", tests::nobody_receives},
    {"sent_twice", tests::sent_twice},
    {"never_unlocked", tests::never_unlocked},
    {"never_done", tests::never_done},
    {"joins_the_forgotten", tests::joins_the_forgotten},
    {"promise_not_kept", tests::promise_not_kept},
    {"dead_cases", tests::dead_cases},
    {"never_notified", tests::never_notified},
    {"never_released", tests::never_released},
    {"one_does_not_arrive", tests::one_does_not_arrive},
    {"sleeps_for_ages", tests::sleeps_for_ages},
    {"never_cancelled", tests::never_cancelled},
    {"peer_does_not_answer", tests::peer_does_not_answer},
};

void wait_until_all_are_parked() {
    auto const is_parked = [](fiber::fiber_info const& f) { return f.state == "parked"; };
    for (bool parked = false; !parked; std::this_thread::yield()) {
        auto const all = fiber::runtime::global().fibers({.backtraces = false});
        parked = std::all_of(all.begin(), all.end(), is_parked);
    }
}

// Prints how many of them were started by one function for one kind of wait.
void print(std::vector<fiber::fiber_info> const& leaks) {
    std::map<std::pair<std::string, void const*>, int> groups;
    for (auto const& f : leaks)
        ++groups[{f.waits_for.substr(0, f.waits_for.find(',')),
                  ::_Unwind_FindEnclosingFunction(const_cast<void*>(f.started_at))}];
    for (auto const& [key, count] : groups)
        std::printf("leaked: %d, %s\n", count, key.first.c_str());
}

} // namespace

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    if (argc != 3)
        return 1;
    auto const* const found = std::find_if(std::begin(programs), std::end(programs),
                                           [&](program const& p) { return p.name == argv[1]; });
    if (found == std::end(programs))
        return 1;
    bool const mended = argv[2] == std::string_view("mended");
    fiber::leak_check const check;
    found->run(mended);
    if (!mended)
        wait_until_all_are_parked();
    print(check.leaked(mended ? 60s : 0s));
}
