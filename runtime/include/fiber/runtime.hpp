// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/runtime.hpp>: fiber::runtime, a set of processors and the fibers that run on them. The
// global runtime starts by itself.
//
// In a child of fork() the next go starts a new global runtime. Other runtimes of the parent cannot
// be used there: their go() throws, and their destructor returns at once. The parent's fibers do
// not exist in the child, except a fiber that has called fork(). That fiber goes on as an OS
// thread; when its function returns, the process exits with status 0. Mutexes that others held stay
// locked in the child, as with pthreads.
#pragma once

#include <fiber/detail/try_catch.hpp>
#include <fiber/go.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace fiber {

namespace rt {
[[nodiscard]] scheduler& global_scheduler();
}

struct runtime_options {
    // How many fibers can run at once, 1 to 1024. 0 means $FIBER_PROCS; without $FIBER_PROCS, the
    // number of CPUs that this process may use (affinity, cgroup quota). That number is read again
    // every second while any fiber runs.
    unsigned processors = 0;
    // Bytes of address space of each stack; memory is used as it is touched. 0 means
    // $FIBER_STACK_SIZE (65536, 64k, 8M), or 256 KiB without it. Stacks of thread, jthread and
    // async may be larger.
    std::size_t stack_size = 0;
    // The limit of OS threads, at least the number of processors. The runtime exceeds it only while
    // fibers that block hold all processors and other fibers are runnable.
    unsigned max_machines = 10'000;
};

// A snapshot; its numbers are not all of one moment. Totals count from the runtime's start.
struct runtime_stats {
    std::size_t fibers_live = 0;     // fibers that have started and not ended
    std::size_t fibers_runnable = 0; // live fibers in a run queue
    std::size_t fibers_parked = 0;   // live fibers that wait
    unsigned processors = 0;
    unsigned machines = 0;      // OS threads
    std::uint64_t switches = 0; // times a fiber was given a processor
    std::uint64_t steals = 0;   // times a processor took fibers from another
    std::uint64_t parks = 0;    // times a fiber began to wait
    std::uint64_t handoffs = 0; // times a processor changed its machine
    std::size_t timers = 0;     // armed timers
    // The next five belong to the whole process.
    std::size_t stack_bytes_reserved = 0; // address space of stacks
    std::size_t stack_bytes_resident = 0; // memory of stacks in use or idle; a sample if there are many
    std::size_t stack_bytes_cached = 0;   // memory of idle stacks that trim() would give back; a lower bound
    std::uint64_t heavy_fences = 0; // calls of membarrier(2); each interrupts all CPUs that run the process
    // Reads and writes of fiber::io for which the file system or the driver has no RWF_NOWAIT. The plain call
    // followed, which may block an OS thread.
    std::uint64_t nowait_refused = 0;
    // The rest counts hooked calls of the whole process: <fiber/hook.hpp>.
    std::uint64_t hooked_parked = 0; // calls that have parked
    // Calls of fibers that had to be the plain call, by the reason.
    std::uint64_t hooked_under_lock = 0; // the fiber held a lock of libpthread
    std::uint64_t hooked_in_handler = 0;
    std::uint64_t hooked_in_vfork = 0;
    std::uint64_t hooked_in_loader = 0; // in dlopen or dlclose
    std::uint64_t hooked_off = 0;
    std::uint64_t hooked_on_foreign_stack = 0;
};

struct fiber_info; // <fiber/inspect.hpp>

// What a dump shows.
struct dump_options {
    bool backtraces = true; // with the frames of each fiber
    // All of one moment: the process is forked, and the child looks. The program pauses for the fork, 0.6 µs
    // for each stack in use. With more than 100,000 fibers, or if the system refuses, as without it.
    bool snapshot = false;
    bool json = false;         // one JSON document instead of text
    std::size_t most = 10'000; // fibers with frames; the others are listed without them
    // Leaves out parked fibers that have waited for less. Waits are measured to 10 ms.
    std::chrono::nanoseconds waiting_for{};
};

// A runtime. A process may have any number of them. All members except the destructor may be called
// from any fiber or thread, at the same time.
class runtime {
public:
    // Starts the runtime's OS threads. Throws std::system_error if that fails, and
    // std::invalid_argument for options out of range.
    FIBER_API explicit runtime(runtime_options = {});
    // Waits until all fibers of the runtime have ended, then ends its OS threads. Aborts with a
    // message if one of the runtime's fibers calls it. If that fiber has called exit(), the
    // destructor drops the runtime's fibers instead. In the child of a fork that came after the
    // constructor, it waits for nothing.
    FIBER_API ~runtime();
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    // Returns the global runtime, which go() uses outside of any fiber. The first use makes it; it
    // is never destroyed. Throws as the constructor does.
    [[nodiscard]] FIBER_API static runtime& global();

    // Starts a fiber in this runtime, as fiber::go() does.
    template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, attributes>) [[gnu::always_inline]] handle
        go(F&& f, Args&&... args) {
        return fiber::start_in(scheduler_, attributes{}, std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
    [[gnu::always_inline]] handle go(attributes how, F&& f, Args&&... args) {
        return fiber::start_in(scheduler_, how, std::forward<F>(f), std::forward<Args>(args)...);
    }

    // Runs f(args...) in a new fiber of this runtime and waits until it ends. Returns its value, or
    // throws its exception. Forwards the arguments without copies. Parks the calling fiber, or
    // blocks the calling OS thread.
    template <class F, class... Args>
    std::invoke_result_t<F, Args...> run(F&& f, Args&&... args);

    // Returns how many fibers can run at once.
    [[nodiscard]] FIBER_API unsigned processors() const noexcept;
    // Sets how many fibers can run at once, independent of the number of CPUs, as Go's GOMAXPROCS
    // does. All fibers go on. Throws std::invalid_argument for 0 or more than 1024. Throws
    // std::system_error if a thread cannot be started; then some processors may have been added.
    FIBER_API void set_processors(unsigned);

    // Gives the memory of idle stacks back to the system. Without this call, the runtime does so
    // after they have been idle for one to two seconds. Takes about 0.3 µs for each stack.
    FIBER_API void trim();
    [[nodiscard]] FIBER_API runtime_stats stats() const;
    // Prints every live fiber of the program: its id, name, state, what it waits for and for how long,
    // where it was started, and its frames, innermost first. Equal fibers are printed once, with their
    // number. Of a single fiber, also prints the greatest depth that its stack has seen, by this fiber or
    // an earlier one. The fibers run on; at most for 1 ms at a time none is resumed. Functions and
    // source lines come from the files of the program and its libraries. Several dumps may run at once.
    // Throws std::bad_alloc.
    FIBER_API void dump(std::FILE* = stderr, dump_options = {}) const;
    // Returns what dump() would print. Include <fiber/inspect.hpp>. Of the options, json has no effect.
    [[nodiscard]] FIBER_API std::vector<fiber_info> fibers(dump_options = {}) const;

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

// Calls runtime::global().run(f, args...).
template <class F, class... Args>
requires(!std::same_as<std::remove_cvref_t<F>, runtime>) std::invoke_result_t<F, Args...> run(
    F&& f, Args&&... args) {
    return runtime::global().run(std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace fiber
