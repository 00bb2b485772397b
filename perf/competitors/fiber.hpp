// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// libfiber as a competitor, from its public headers. pthread.hpp says what a competitor must have.
#pragma once

#include <fiber/chan.hpp>
#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/mutex.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/wait_group.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace perf::competitors {

struct fibers {
    static constexpr std::string_view name = "fibers";

    using thread = ::fiber::thread;
    using mutex = ::fiber::mutex;
    using condition_variable = ::fiber::condition_variable;
    template <class T>
    using chan = ::fiber::chan<T>;

    using wait_group = ::fiber::wait_group;

    // Comes first: the runtime reads the variable when it starts.
    static void use(unsigned processors) { setenv("FIBER_PROCS", std::to_string(processors).c_str(), 1); }
    static unsigned processors() { return ::fiber::runtime::global().processors(); }
    template <class F>
    static auto run(F&& f) {
        return ::fiber::run(std::forward<F>(f));
    }
    template <class F>
    static void go(F&& f) {
        ::fiber::go(std::forward<F>(f));
    }
    static constexpr bool has_select = true;
    template <class T, class F>
    static void receive_either(chan<T> const& a, chan<T> const& b, F const& f) {
        auto const use = [&f](std::optional<T> v) { f(v.value()); };
        ::fiber::select(::fiber::on_recv(a, use), ::fiber::on_recv(b, use));
    }
    static void yield() { ::fiber::this_fiber::yield(); }
    static std::string dump(::fiber::dump_options options) {
        char* text = nullptr;
        std::size_t size = 0;
        std::FILE* const stream = ::open_memstream(&text, &size);
        ::fiber::runtime::global().dump(stream, options);
        std::fclose(stream);
        std::string const all(text, size);
        std::free(text);
        return all;
    }
    template <class Duration>
    static void sleep_for(Duration d) {
        ::fiber::this_fiber::sleep_for(d);
    }
};

} // namespace perf::competitors
