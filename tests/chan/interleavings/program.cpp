// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/program.hpp"

#include "runtime/park.hpp"
#include "tests/chan/interleavings/queues.hpp"

#include <fiber/chan.hpp>
#include <fiber/detail/select_case.hpp>
#include <fiber/select.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <stop_token>

namespace tests {
namespace {

using kind = operation::kind;
using blocking = operation::blocking;
using fiber::op_status;
using fiber::detail::select_case;

constexpr auto hour = std::chrono::hours(1); // the schedule decides when it has passed

char letter(std::size_t which) { return static_cast<char>('a' + which); }

std::string text_of(op_status status, bool receives, int value) {
    switch (status) {
    case op_status::success:
        return receives ? std::to_string(value) : "!";
    case op_status::closed:
        return "x";
    case op_status::timeout:
        return "t";
    default:
        return "-";
    }
}

using channels = std::vector<fiber::chan<int>>;

fiber::chan<int> const& channel_of(operation const& op, channels const& all) {
    return all[static_cast<std::size_t>(op.channel)];
}

std::string run_select(operation const& op, channels const& all, std::stop_source const& source) {
    std::array<select_case, 6> cases;
    std::array<select_case*, 6> order;
    std::array<int, 6> values{};
    std::string limits; // of the cases after the cases of the channels
    std::size_t n = 0;
    for (auto const& c : op.cases) {
        values[n] = c.value;
        cases[n] = select_case(c.what == kind::recv ? select_case::kind::recv : select_case::kind::send,
                               fiber::detail::access::core(channel_of(c, all)).get(), &values[n]);
        ++n;
    }
    if (op.select_waits == blocking::for_a_time) {
        cases[n++] = select_case(std::chrono::steady_clock::duration(hour));
        limits += 't';
    }
    std::optional<fiber::detail::stop_listener> listener;
    if (op.stoppable) {
        cases[n++] = select_case(listener.emplace(source.get_token()));
        limits += 's';
    }
    if (op.late) {
        cases[n++] = select_case(std::chrono::steady_clock::time_point());
        limits += 'd';
    }
    auto const chosen = fiber::detail::select(
        cases.data(), n, order.data(),
        op.select_waits == blocking::none ? fiber::detail::may_wait::no : fiber::detail::may_wait::yes);
    if (chosen == n)
        return "-";
    if (chosen >= op.cases.size())
        return limits.substr(chosen - op.cases.size(), 1);
    return letter(chosen) +
           text_of(cases[chosen].outcome, op.cases[chosen].what == kind::recv, values[chosen]);
}

// Adds the cases to a selector. The run keeps the selector, because the stack of a stuck fiber is dropped.
void fill(fiber::selector& s, operation const& op, channels const& all, std::stop_source const& source,
          std::string& results) {
    for (auto const& c : op.cases) {
        if (c.what == kind::recv)
            s.recv(channel_of(c, all), [&results, at = s.size()](std::optional<int> v) {
                (results += letter(at)) += v ? std::to_string(*v) : "x";
            });
        else
            s.send(channel_of(c, all), c.value,
                   [&results, at = s.size()] { (results += letter(at)) += '!'; });
    }
    if (op.select_waits == blocking::for_a_time)
        s.timeout(hour, [&results] { results += 't'; });
    if (op.stoppable)
        s.stop(source.get_token(), [&results] { results += 's'; });
    if (op.late)
        s.deadline(std::chrono::steady_clock::time_point(), [&results] { results += 'd'; });
}

void run_selector(fiber::selector& s, operation const& op, std::string& results) {
    for (std::size_t i = 0; i < rounds; ++i) {
        try {
            if (op.select_waits != blocking::none)
                s.wait();
            else if (!s.try_wait())
                results += '-';
        } catch (fiber::closed_channel const&) {
            results += "?x";
        }
    }
}

std::string run_one(operation const& op, channels const& all, std::stop_source& source) {
    auto const& ch = channel_of(op, all);
    int value = op.value;
    switch (op.what) {
    case kind::send:
        try {
            ch.send(value);
            return "!";
        } catch (fiber::closed_channel const&) {
            return "x";
        }
    case kind::recv: {
        auto const got = ch.recv();
        return got ? std::to_string(*got) : "x";
    }
    case kind::try_send:
        return text_of(ch.try_send(value), false, 0);
    case kind::send_for:
        return text_of(ch.send_for(std::move(value), hour), false, 0);
    case kind::try_recv: {
        auto const status = ch.try_recv(value);
        return text_of(status, true, value);
    }
    case kind::recv_for: {
        auto const status = ch.recv_for(value, hour);
        return text_of(status, true, value);
    }
    case kind::close:
        try {
            ch.close();
            return "!";
        } catch (fiber::closed_channel const&) {
            return "x";
        }
    case kind::select:
        return run_select(op, all, source);
    case kind::stop:
        return source.request_stop() ? "!" : "x";
    case kind::selector:
        break;
    }
    return "";
}

std::string text_of(operation const& op) {
    static constexpr char const* names[] = {"send",     "recv",  "try_send", "try_recv", "send_for",
                                            "recv_for", "close", "select",   "selector", "stop"};
    std::string text = names[static_cast<int>(op.what)];
    if (op.what == kind::stop)
        return text;
    if (op.what != kind::select && op.what != kind::selector)
        return text + '(' + static_cast<char>('A' + op.channel) +
               (op.value != 0 ? ", " + std::to_string(op.value) : "") + ')';
    text += '{';
    for (auto const& c : op.cases)
        text += ' ' + text_of(c);
    static constexpr char const* limits[] = {"", " timeout", " otherwise"};
    return text + limits[static_cast<int>(op.select_waits)] + (op.stoppable ? " stop" : "") +
           (op.late ? " deadline" : "") + " }";
}

} // namespace

std::string to_string(program const& p) {
    std::string text;
    for (std::size_t i = 0; i < p.capacities.size(); ++i)
        text += std::string(1, static_cast<char>('A' + i)) + ": capacity " + std::to_string(p.capacities[i]) +
                "\n";
    for (auto const& f : p.fibers) {
        text += "fiber:";
        for (auto const& op : f)
            text += ' ' + text_of(op) + ';';
        text += '\n';
    }
    return text;
}

program random_program(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    auto const below = [&](std::uint64_t n) { return static_cast<int>(random() % n); };
    program p;
    int const channels = 1 + below(2), fibers = 2 + below(2);
    for (int i = 0; i < channels; ++i)
        p.capacities.push_back(below(20) == 0 ? -1 : below(5) / 2); // 0, 1, or 2
    int value = 0;
    auto const transfer = [&](operation& op, kind send, kind recv) {
        op.what = below(2) == 0 ? send : recv;
        op.channel = below(static_cast<std::uint64_t>(channels));
        op.value = op.what == send ? ++value : 0;
    };
    for (int f = 0; f < fibers; ++f) {
        auto& body = p.fibers.emplace_back();
        for (int n = 1 + below(fibers == 2 ? 3 : 2); n > 0; --n) {
            auto& op = body.emplace_back();
            switch (below(10)) {
            case 0:
                op.what = kind::close;
                op.channel = below(static_cast<std::uint64_t>(channels));
                break;
            case 1:
                transfer(op, kind::try_send, kind::try_recv);
                break;
            case 2:
                transfer(op, kind::send_for, kind::recv_for);
                break;
            case 3:
            case 4:
            case 5:
                op.what = below(4) == 0 ? kind::selector : kind::select;
                op.select_waits = static_cast<blocking>(below(5) / 2); // mostly without a time limit
                op.stoppable = below(4) == 0;
                op.late = below(16) == 0;
                for (int c = 1 + below(3); c > 0; --c)
                    transfer(op.cases.emplace_back(), kind::send, kind::recv);
                break;
            case 6:
                op.what = kind::stop;
                break;
            default:
                transfer(op, kind::send, kind::recv);
            }
        }
    }
    return p;
}

namespace {

// Makes channels at rising addresses: a select locks in this order, and a run must be repeatable.
std::vector<fiber::chan<int>> make_channels(std::vector<int> const& capacities) {
    std::vector<fiber::chan<int>> made, misplaced;
    void const* last = nullptr;
    while (made.size() < capacities.size()) {
        int const capacity = capacities[made.size()];
        if (capacity < 0) {
            made.push_back(nullptr);
            continue;
        }
        fiber::chan<int> fresh(capacity);
        void const* const at = fiber::detail::access::core(fresh).get();
        bool const rises = std::less<>{}(last, at);
        (rises ? made : misplaced).push_back(std::move(fresh));
        if (rises)
            last = at;
    }
    return made;
}

} // namespace

std::string run(program const& p, schedule& s) {
    auto const all = make_channels(p.capacities);
    std::stop_source source;
    std::vector<std::string> results(p.fibers.size());
    for (auto& r : results)
        r.reserve(64); // the stack of a stuck fiber is dropped: it must not own memory
    std::deque<fiber::selector> selectors;
    std::vector<std::function<void()>> bodies;
    for (std::size_t f = 0; f < p.fibers.size(); ++f) {
        std::vector<fiber::selector*> mine;
        for (auto const& op : p.fibers[f])
            if (op.what == kind::selector)
                fill(*mine.emplace_back(&selectors.emplace_back()), op, all, source, results[f]);
        bodies.push_back([&, f, mine] {
            auto next = mine.begin();
            for (auto const& op : p.fibers[f]) {
                schedule::step();
                if (op.what == kind::selector)
                    run_selector(**next++, op, results[f]);
                else
                    results[f] += run_one(op, all, source);
                for (auto const& ch : all)
                    if (stands_in_a_queue(fiber::detail::access::core(ch).get(), fiber::rt::self()))
                        results[f] += "(still queued)";
            }
        });
    }
    auto const ended = s.run(bodies);
    std::string outcome;
    for (std::size_t f = 0; f < results.size(); ++f)
        outcome += results[f] + (ended[f] ? "." : "?") + ' ';
    return outcome;
}

} // namespace tests
