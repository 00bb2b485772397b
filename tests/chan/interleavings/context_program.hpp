// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_program.hpp: programs of a few fibers that derive, cancel, watch and drop contexts; their
// outcomes by the model, and their outcomes under a schedule.
#pragma once

#include "tests/chan/interleavings/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tests {

// All fibers share the slots with the handles. At first each slot has the background.
inline constexpr std::size_t slots = 3;

struct context_operation {
    enum class kind { derive, cancel, drop, error, done, token, await, watch, stop };
    enum class ended_by { cancel, deadline, stop_token }; // what can end the context besides a cancel

    kind what = kind::derive;
    std::size_t slot = 0;
    std::size_t parent = 0; // for derive: the slot of the parent
    ended_by also = ended_by::cancel;
};

using context_program = std::vector<std::vector<context_operation>>;

[[nodiscard]] context_program random_context_program(std::uint64_t seed);
[[nodiscard]] std::string to_string(context_program const&);

// Returns all outcomes that the model allows. An outcome is a text: for each fiber the results of its
// operations, and whether it is stuck.
//   error          n none, c cancelled, t timed out
//   token          1 stopped, 0 not stopped
//   done           x closed, - not closed
//   await, watch   the error after the wait
//   cancel, stop   !, or x if a stop was requested before
[[nodiscard]] std::set<std::string> all_allowed(context_program const&);
[[nodiscard]] std::string run(context_program const&, schedule&);

} // namespace tests
