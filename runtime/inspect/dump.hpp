// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump.hpp: a list of all live fibers, for a person to read.
#pragma once

#include <cstdio>

namespace fiber::rt {

class scheduler;

// Those of one runtime, a line each, while they go on running: each line is true of some moment.
void dump(scheduler const&, std::FILE*);

} // namespace fiber::rt
