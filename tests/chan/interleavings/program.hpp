// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// program.hpp: small programs on channels; what may come of them, by Go's rules; and what does.
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
    int value = 0;                  // what is sent: its own digit
    std::vector<operation> cases{}; // of a select: send and recv; of a selector
    blocking select_waits = blocking::for_ever;
    bool stoppable = false; // by the program's one stop source, whose request is `stop`
    bool late = false;      // a deadline that has passed is among the cases
};

inline constexpr std::size_t rounds = 2; // that a selector waits

struct program {
    std::vector<int> capacities; // -1: a null channel
    std::vector<std::vector<operation>> fibers;
};

// Of up to two channels and up to three fibers with up to three operations each.
[[nodiscard]] program random_program(std::uint64_t seed);
[[nodiscard]] std::string to_string(program const&);

// An outcome is a text: for each fiber what each of its operations came to, and whether it is stuck.
//   a digit: received; ! sent, closed, or a stop requested, for the first time; x closed, or requested, before
//   t timed out; - neither now; s stopped; d late. With the case before it, a letter, for a select
using outcomes = std::set<std::string>;

// By a model in which each operation is one atomic step: all that may happen.
[[nodiscard]] outcomes all_allowed(program const&);

// One run of the real channels, under the schedule.
[[nodiscard]] std::string run(program const&, schedule&);

} // namespace tests
