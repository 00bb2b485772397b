// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/runtime.hpp>: runtimes: sets of processors with the fibers that run on them. The global one starts
// by itself.
//
// In a child of fork() the global runtime starts afresh; others are of no use there: go() throws, and the destructor
// returns at once. Fibers stay behind in the parent, but for one that forks: it goes on as an OS thread, and when its
// function returns the process exits with status 0. Mutexes that others held stay locked, as with pthreads.
#pragma once

#include <fiber/detail/try_catch.hpp>
#include <fiber/go.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace fiber {

namespace rt {
[[nodiscard]] scheduler& global_scheduler();
}

struct runtime_options {
    // 1 to 1024. 0: $FIBER_PROCS; else as many as this process may use CPUs (affinity, cgroup quota), which is looked at
    // again every second while anything runs.
    unsigned processors = 0;
    // Bytes of address space a stack, used as touched. 0: $FIBER_STACK_SIZE (65536, 64k, 8M), else 256 KiB. Those of thread,
    // jthread and async may be larger.
    std::size_t stack_size = 0;
    unsigned max_machines = 10'000; // OS threads; at least as many as processors. More only while each
                                    // processor is held by a fiber that blocks, and others are runnable
};

// A snapshot, not quite of one moment. Totals count from the runtime's start.
struct runtime_stats {
    std::size_t fibers_live = 0;     // started and not ended; of these:
    std::size_t fibers_runnable = 0; // in a run queue
    std::size_t fibers_parked = 0;   // waiting
    unsigned processors = 0;
    unsigned machines = 0;                // OS threads
    std::uint64_t switches = 0;           // times a fiber was given a processor
    std::uint64_t steals = 0;             // times a processor took fibers from another
    std::uint64_t parks = 0;              // times a fiber went to wait
    std::uint64_t handoffs = 0;           // times a processor changed its machine
    std::size_t timers = 0;               // armed
    std::size_t stack_bytes_reserved = 0; // address space, of all runtimes together, as are the next two
    std::size_t stack_bytes_resident =
        0; // in memory, of stacks in use or idle; from a sample if there are many
    std::size_t stack_bytes_cached = 0; // in idle stacks that trim() would give back; the least it can be
    std::uint64_t heavy_fences =
        0; // calls of membarrier(2), of the whole process: each interrupts all CPUs that run it
};

// As many as you like in a process. All members may be called from any fiber or thread, but for the
// destructor.
class runtime {
public:
    // Starts its OS threads. Throws std::system_error if that fails, std::invalid_argument for options out of
    // range.
    FIBER_API explicit runtime(runtime_options = {});
    // Waits until all its fibers have ended, then ends its threads. Aborts, with a message, if called by one
    // of its own fibers; unless that one has called exit(): then its fibers are dropped. In a child of a fork that
    // came after the constructor it waits for nobody.
    FIBER_API ~runtime();
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    // The one that a free go() outside of any fiber uses: made on first use, never destroyed. Throws as the
    // constructor.
    [[nodiscard]] FIBER_API static runtime& global();

    // As the free go(), in this runtime.
    template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, attributes>) [[gnu::always_inline]] handle
        go(F&& f, Args&&... args) {
        return fiber::start_in(scheduler_, attributes{}, std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
    [[gnu::always_inline]] handle go(attributes how, F&& f, Args&&... args) {
        return fiber::start_in(scheduler_, how, std::forward<F>(f), std::forward<Args>(args)...);
    }

    // Runs f(args...) in a fiber and waits until it ends. Returns its value, or throws its exception. The
    // arguments are passed on, not copied.
    template <class F, class... Args>
    std::invoke_result_t<F, Args...> run(F&& f, Args&&... args);

    [[nodiscard]] FIBER_API unsigned processors() const noexcept;
    // How many fibers may run at once from now on, however many CPUs there are, as Go's GOMAXPROCS. Fibers lose nothing.
    // Throws std::invalid_argument for 0 or more than 1024, std::system_error if a thread cannot be started: then
    // some have perhaps been added.
    FIBER_API void set_processors(unsigned);

    // Gives the memory of idle stacks back to the system now; otherwise this is done when they have been idle for one
    // to two seconds. Takes about 0.3 µs a stack.
    FIBER_API void trim();
    [[nodiscard]] FIBER_API runtime_stats stats() const;
    // Prints every live fiber: id, name, state, what it waits for, how deep it or an earlier one has been on its stack,
    // where it was started.
    FIBER_API void dump(std::FILE* = stderr) const;

private:
    friend rt::scheduler& rt::global_scheduler();
    rt::scheduler* scheduler_;
};

template <class F, class... Args>
std::invoke_result_t<F, Args...> runtime::run(F&& f, Args&&... args) {
    using result = std::invoke_result_t<F, Args...>;
    auto const call = [&]() -> result {
        return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
    };
    std::exception_ptr failure;
    auto const run_and_rethrow = [this, &failure](auto const& body) {
        this->go([&] {
                detail::try_catch(body, [&](std::exception_ptr error) { failure = std::move(error); });
            })
            .join();
        if (failure)
            std::rethrow_exception(std::move(failure));
    };
    if constexpr (std::is_void_v<result>) {
        run_and_rethrow(call);
    } else if constexpr (std::is_reference_v<result>) {
        std::remove_reference_t<result>* value = nullptr;
        run_and_rethrow([&] {
            auto&& r = call();
            value = std::addressof(r);
        });
        return static_cast<result>(*value);
    } else {
        std::optional<result> value;
        run_and_rethrow([&] { value.emplace(call()); });
        return std::move(value.operator*());
    }
}

// runtime::global().run(f, args...)
template <class F, class... Args>
requires(!std::same_as<std::remove_cvref_t<F>, runtime>) std::invoke_result_t<F, Args...> run(
    F&& f, Args&&... args) {
    return runtime::global().run(std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace fiber
