// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump.hpp: prints a list of all live fibers for people to read.
#pragma once

#include <cstdio>

namespace fiber::rt {

class scheduler;

// Prints the fibers of one runtime, one in a line. The fibers run on: each line is true of some moment.
void dump(scheduler const&, std::FILE*);

} // namespace fiber::rt
