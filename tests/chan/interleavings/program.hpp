// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// program.hpp: small programs on channels, the outcomes that Go's rules allow, and the outcomes of runs.
#pragma once

#include "tests/chan/interleavings/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tests {

struct operation {
    enum class kind { send, recv, try_send, try_recv, send_for, recv_for, close, select, selector, stop };
    enum class blocking { for_ever, for_a_time, none };

    kind what = kind::recv;
    int channel = 0;
    int value = 0;                  // the value to send: a digit that no other operation sends
    std::vector<operation> cases{}; // the send and recv cases of a select or selector
    blocking select_waits = blocking::for_ever;
    bool stoppable = false; // true if the program's stop source can stop it; `stop` requests that stop
    bool late = false;      // true if a deadline that has passed is one of the cases
};

inline constexpr std::size_t rounds = 2; // the number of waits of a selector

struct program {
    std::vector<int> capacities; // -1 for a null channel
    std::vector<std::vector<operation>> fibers;
};

// Returns a program of up to two channels and up to three fibers, with up to three operations for each fiber.
[[nodiscard]] program random_program(std::uint64_t seed);
[[nodiscard]] std::string to_string(program const&);

// An outcome is a text: for each fiber the results of its operations, and whether it is stuck.
//   a digit   the value that was received
//   !         sent, closed, or the first request of a stop
//   x         the channel was closed before, or the stop was requested before
//   t         timed out
//   -         not possible now
//   s         stopped
//   d         the late deadline was chosen
// A letter before the result is the case of a select.
using outcomes = std::set<std::string>;

// Returns all outcomes of the model, in which each operation is one atomic step.
[[nodiscard]] outcomes all_allowed(program const&);

// Runs the program once with the real channels, under the schedule.
[[nodiscard]] std::string run(program const&, schedule&);

} // namespace tests
