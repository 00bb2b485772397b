// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/competitors/pthread.hpp"
#include "perf/competitors/program.hpp"

int main(int argc, char** argv) { return perf::compete<perf::competitors::pthreads>(argc, argv, "pthreads"); }
