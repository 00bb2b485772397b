// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// running.hpp: what fibers do that run on a machine at the moment. They cannot be stopped, but asked.
#pragma once

#include "runtime/inspect/survey.hpp"

#include <string>

namespace fiber::rt {

// For each running fiber of the survey, by its index: the system call that it is in, or an empty text. Adds
// the frames of fibers that compute, at most options.most of them. A signal asks their threads. It is handled
// during the call alone. Waits up to 50 ms for each. The caller's own frames begin at `from`.
// Throws std::bad_alloc.
[[nodiscard]] std::vector<std::string> ask_running(scheduler&, survey&, dump_options const&,
                                                   void const* from);

} // namespace fiber::rt
