// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/context_program.hpp"

#include "tests/chan/interleavings/alarms.hpp"

#include <fiber/context.hpp>
#include <fiber/select.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <new>
#include <random>
#include <stop_token>

namespace tests {
namespace {

using fiber::context;
using kind = context_operation::kind;
using ended_by = context_operation::ended_by;

int channels = 0; // the number of live channels; each context has one

struct shared {
    std::array<context, slots> slot{context::background(), context::background(), context::background()};
    std::stop_source source;
};

std::string text_of(std::error_code error) {
    return !error ? "n" : error == std::errc::timed_out ? "t" : "c";
}

context derive(context_operation const& op, shared const& all) {
    auto const& parent = all.slot[op.parent];
    switch (op.also) {
    case ended_by::cancel:
        break;
    case ended_by::deadline: // the schedule decides when the deadline passes
        return context::with_timeout(parent, std::chrono::hours(1));
    case ended_by::stop_token:
        return context::with_stop_token(parent, all.source.get_token());
    }
    return context::with_cancel(parent);
}

// Runs one operation. Other fibers may change the slot at the same time: it works on a copy of the handle.
std::string run_one(context_operation const& op, shared& all) {
    context const mine = all.slot[op.slot];
    switch (op.what) {
    case kind::derive:
        all.slot[op.slot] = derive(op, all);
        return "";
    case kind::cancel:
        mine.cancel();
        return "!";
    case kind::drop:
        all.slot[op.slot] = context::background();
        return "";
    case kind::error:
        return text_of(mine.error());
    case kind::done: {
        bool ignored = false;
        return mine.done().try_recv(ignored) == fiber::op_status::closed ? "x" : "-";
    }
    case kind::token:
        return mine.stop_token().stop_requested() ? "1" : "0";
    case kind::await:
        mine.done().recv();
        return text_of(mine.error());
    case kind::watch:
        fiber::select(fiber::on_stop(mine.stop_token(), [] {}));
        return text_of(mine.error());
    case kind::stop:
        return all.source.request_stop() ? "!" : "x";
    }
    return "";
}

std::string run_all(context_program const& p, schedule& s) {
    shared all;
    std::vector<std::string> results(p.size());
    std::vector<std::function<void()>> bodies;
    for (std::size_t f = 0; f < p.size(); ++f) {
        results[f].reserve(32); // the stack of a stuck fiber is dropped: it must not own memory
        bodies.push_back([&, f] {
            for (auto const& op : p[f]) {
                schedule::step();
                results[f] += run_one(op, all);
            }
        });
    }
    bodies.push_back(ring_alarms);
    bodies.push_back(call_for_others);
    auto const ended = s.run(bodies);
    std::string outcome;
    for (std::size_t f = 0; f < p.size(); ++f)
        outcome += results[f] + (ended[f] ? "." : "?") + ' ';
    return outcome;
}

} // namespace

std::string run(context_program const& p, schedule& s) {
    forget_alarms();
    channels = 0;
    auto outcome = run_all(p, s);
    bool const all_ended = outcome.find('?') == std::string::npos;
    return outcome + (all_ended && channels != 0 ? "(leaks) " : "");
}

std::string to_string(context_program const& p) {
    static constexpr char const* names[] = {"derive", "cancel", "drop",  "error", "done",
                                            "token",  "await",  "watch", "stop"};
    static constexpr char const* ends[] = {"", ", deadline", ", stop token"};
    std::string text;
    for (auto const& f : p) {
        text += "fiber:";
        for (auto const& op : f) {
            text += ' ' + std::string(names[static_cast<int>(op.what)]);
            if (op.what != kind::stop)
                text += '(' + std::to_string(op.slot) +
                        (op.what == kind::derive ? " from " + std::to_string(op.parent) : "") +
                        ends[static_cast<int>(op.also)] + ')';
            text += ';';
        }
        text += '\n';
    }
    return text;
}

context_program random_context_program(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    auto const below = [&](std::uint64_t n) { return random() % n; };
    context_program p(2 + below(2));
    for (auto& f : p)
        for (auto n = p.size() == 2 ? 2 + below(3) : 1 + below(3); n > 0; --n) {
            auto const dice = below(14);
            f.push_back({.what = dice < 5 ? kind::derive : static_cast<kind>(dice - 5),
                         .slot = below(slots),
                         .parent = below(slots)});
            if (f.back().what == kind::derive)
                f.back().also = static_cast<ended_by>(below(6) / 2);
        }
    return p;
}

} // namespace tests

// Counts channels: only they have an alignment above that of malloc.
void* operator new(std::size_t size, std::align_val_t align) {
    ++tests::channels;
    auto const to = static_cast<std::size_t>(align);
    if (void* const p = std::aligned_alloc(to, (size + to - 1) / to * to))
        return p;
    throw std::bad_alloc();
}
void operator delete(void* p, std::align_val_t) noexcept {
    --tests::channels;
    std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t align) noexcept { operator delete(p, align); }
