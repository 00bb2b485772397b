// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/runtime.hpp>

#include "runtime/inspect/dump.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/stack_class.hpp"

namespace fiber {

runtime::runtime(runtime_options options) : scheduler_(new rt::scheduler(options)) {}

runtime::~runtime() { delete scheduler_; }

runtime& runtime::global() {
    static auto* const the_one = new runtime; // never destroyed: its fibers run on while the process exits
    return *the_one;
}

rt::scheduler& rt::global_scheduler() { return *runtime::global().scheduler_; }

unsigned runtime::processors() const noexcept { return scheduler_->processors(); }
void runtime::set_processors(unsigned n) { scheduler_->set_processors(n); }
void runtime::trim() { rt::stack_class::trim_all(); }
runtime_stats runtime::stats() const { return scheduler_->stats(); }
void runtime::dump(std::FILE* to) const { rt::dump(*scheduler_, to); }

} // namespace fiber
