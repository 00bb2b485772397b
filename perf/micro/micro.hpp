// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Every micro benchmark runs for pthreads and for fibers, its loop where their primitives are at home.
#pragma once

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace perf {

using competitors::fibers;
using competitors::pthreads;

// Registers name/pthreads and name/fibers. Returns true, for a constant that registers before main.
using micro_body = void (*)(benchmark::State&);
inline bool both(std::string const& name, micro_body with_pthreads, micro_body with_fibers) {
    using benchmark::RegisterBenchmark, benchmark::State;
    RegisterBenchmark((name + "/pthreads").c_str(), [=](State& s) {
        pthreads::run([&] { with_pthreads(s); });
    })->UseRealTime();
    RegisterBenchmark((name + "/fibers").c_str(), [=](State& s) {
        fibers::run([&] { with_fibers(s); });
    })->UseRealTime();
    return true;
}

} // namespace perf
