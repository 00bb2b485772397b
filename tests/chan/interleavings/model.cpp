// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// model.cpp: the model of channels. Each operation is one step, or puts its fiber into queues. Steps of
// other fibers, or its time limit, end the wait. The model runs all orders of the steps.
#include "tests/chan/interleavings/program.hpp"

#include <algorithm>
#include <deque>

namespace tests {
namespace {

using kind = operation::kind;
using blocking = operation::blocking;

struct waiting {
    std::size_t fiber;
    std::size_t which; // the case
    int value;
    bool operator==(waiting const&) const = default;
};

struct channel_state {
    std::deque<int> values;
    std::deque<waiting> senders, receivers;
    bool closed = false;
};

struct fiber_state {
    std::size_t next = 0;
    std::size_t round = 0; // the wait of a selector
    unsigned spent = 0;    // bit set of the selector's cases that have sent
    bool waits = false;
    bool listens = false;  // true if it waits and a stop request will find it
    bool stopping = false; // true if it has requested the stop, but not yet told all listeners
    std::string results;
};

struct state {
    std::vector<channel_state> channels;
    std::vector<fiber_state> fibers;
    bool stopped = false;

    [[nodiscard]] std::string key() const {
        std::string k = stopped ? "s" : "";
        for (auto const& c : channels) {
            for (int const v : c.values)
                k += std::to_string(v) + ',';
            for (auto const* q : {&c.senders, &c.receivers}) {
                k += ';';
                for (auto const& w : *q)
                    k += std::to_string(w.fiber) + std::to_string(w.which);
            }
            k += c.closed ? '!' : '|';
        }
        for (auto const& f : fibers)
            k += std::to_string(f.next) + std::to_string(f.round) + std::to_string(f.spent) +
                 (f.listens    ? '!'
                  : f.waits    ? '?'
                  : f.stopping ? 's'
                               : '.') +
                 f.results + '|';
        return k;
    }
};

class model {
public:
    explicit model(program const& p) : p_(p) {}

    void explore(state const& s) {
        if (!seen_.insert(s.key()).second)
            return;
        bool moved = false;
        for (std::size_t f = 0; f < s.fibers.size(); ++f) {
            auto const& it = s.fibers[f];
            if (it.stopping ? stop_one(s, f) : it.waits ? listen(s, f) || expire(s, f) : start(s, f))
                moved = true;
        }
        if (!moved)
            found.insert(outcome(s));
    }

    outcomes found;

private:
    [[nodiscard]] operation const& op_of(state const& s, std::size_t f) const {
        return p_.fibers[f][s.fibers[f].next];
    }
    [[nodiscard]] std::string outcome(state const& s) const {
        std::string text;
        for (std::size_t f = 0; f < s.fibers.size(); ++f)
            text += s.fibers[f].results + (s.fibers[f].next == p_.fibers[f].size() ? "." : "?") + ' ';
        return text;
    }

    static bool chooses(operation const& op) { return op.what == kind::select || op.what == kind::selector; }
    // Returns the transfers from which an operation chooses: itself, or its cases.
    [[nodiscard]] static std::vector<operation> transfers(operation const& op) {
        return chooses(op) ? op.cases : std::vector<operation>{op};
    }
    static bool sends(operation const& op) {
        return op.what == kind::send || op.what == kind::try_send || op.what == kind::send_for;
    }
    static blocking waits(operation const& op) {
        switch (op.what) {
        case kind::try_send:
        case kind::try_recv:
            return blocking::none;
        case kind::send_for:
        case kind::recv_for:
            return blocking::for_a_time;
        case kind::select:
        case kind::selector:
            return op.select_waits;
        default:
            return blocking::for_ever;
        }
    }

    // Records the result of the fiber's transfer, or of the transfer of one of its cases.
    void finish(state& s, std::size_t f, std::size_t which, std::string const& result) const {
        operation const& op = op_of(s, f);
        if (chooses(op)) {
            bool const sent_once = op.what == kind::selector && sends(op.cases[which]);
            if (sent_once)
                s.fibers[f].spent |= 1U << which;
            bool const throws = sent_once && result == "x"; // the exception does not name the case
            s.fibers[f].results += throws ? '?' : static_cast<char>('a' + which);
        }
        finish(s, f, result);
    }
    void finish(state& s, std::size_t f, std::string const& result) const {
        auto& it = s.fibers[f];
        it.results += result;
        it.waits = it.listens = it.stopping = false;
        if (op_of(s, f).what != kind::selector || ++it.round == rounds) {
            ++it.next;
            it.round = 0;
            it.spent = 0;
        }
        for (auto& c : s.channels)
            for (auto* q : {&c.senders, &c.receivers})
                q->erase(std::remove_if(q->begin(), q->end(), [f](auto const& w) { return w.fiber == f; }),
                         q->end());
    }

    // Performs a transfer. Returns false if it is not possible now.
    bool transfer(state& s, std::size_t f, std::size_t which, operation const& op) const {
        auto const at = static_cast<std::size_t>(op.channel);
        auto& c = s.channels[at];
        auto const capacity = static_cast<std::size_t>(p_.capacities[at]);
        if (sends(op)) {
            if (c.closed) {
                finish(s, f, which, "x");
            } else if (!c.receivers.empty()) {
                auto const to = c.receivers.front();
                finish(s, to.fiber, to.which, std::to_string(op.value));
                finish(s, f, which, "!");
            } else if (c.values.size() < capacity) {
                c.values.push_back(op.value);
                finish(s, f, which, "!");
            } else {
                return false;
            }
            return true;
        }
        if (!c.values.empty()) {
            int const value = c.values.front();
            c.values.pop_front();
            if (!c.senders.empty()) {
                auto const from = c.senders.front();
                c.values.push_back(from.value);
                finish(s, from.fiber, from.which, "!");
            }
            finish(s, f, which, std::to_string(value));
        } else if (!c.senders.empty()) {
            auto const from = c.senders.front();
            finish(s, from.fiber, from.which, "!");
            finish(s, f, which, std::to_string(from.value));
        } else if (c.closed) {
            finish(s, f, which, "x");
        } else {
            return false;
        }
        return true;
    }

    bool start(state const& before, std::size_t f) {
        if (before.fibers[f].next == p_.fibers[f].size())
            return false;
        operation const& op = op_of(before, f);
        if (op.what == kind::close || op.what == kind::stop) {
            op.what == kind::close ? close(before, f, op) : stop(before, f);
            return true;
        }
        bool ready = false;
        auto const all = transfers(op);
        auto const is_on = [&](std::size_t i) {
            return p_.capacities[static_cast<std::size_t>(all[i].channel)] >= 0 &&
                   ((before.fibers[f].spent >> i) & 1) == 0;
        };
        for (std::size_t i = 0; i < all.size(); ++i) {
            state s = before;
            if (is_on(i) && transfer(s, f, i, all[i])) {
                ready = true;
                explore(s);
            }
        }
        if (op.late) {
            ready = true;
            come_to(before, f, "d");
        }
        if (op.stoppable && before.stopped) {
            ready = true;
            come_to(before, f, "s");
        }
        if (ready)
            return true;
        if (waits(op) == blocking::none) {
            come_to(before, f, "-");
            return true;
        }
        std::vector<operation> enabled;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (is_on(i)) {
                enabled.push_back(all[i]);
                places.push_back(i);
            }
        state s = before;
        s.fibers[f].waits = true;
        enqueue(s, f, enabled, places);
        return true;
    }

    // [select.same] Enqueues exactly one of the cases on each side of a channel: any of them.
    void enqueue(state const& before, std::size_t f, std::vector<operation> const& cases,
                 std::vector<std::size_t> const& places) {
        if (cases.empty())
            return explore(before);
        auto const same = [&](operation const& op) {
            return op.channel == cases[0].channel && sends(op) == sends(cases[0]);
        };
        std::vector<operation> others;
        std::vector<std::size_t> others_at;
        for (std::size_t i = 0; i < cases.size(); ++i)
            if (!same(cases[i])) {
                others.push_back(cases[i]);
                others_at.push_back(places[i]);
            }
        for (std::size_t i = 0; i < cases.size(); ++i)
            if (same(cases[i])) {
                state s = before;
                auto& c = s.channels[static_cast<std::size_t>(cases[i].channel)];
                (sends(cases[i]) ? c.senders : c.receivers).push_back({f, places[i], cases[i].value});
                enqueue(s, f, others, others_at);
            }
    }

    void come_to(state const& before, std::size_t f, char const* result) {
        state s = before;
        finish(s, f, result);
        explore(s);
    }

    // Registers a select with the stop source, after it has entered the queues.
    bool listen(state const& before, std::size_t f) {
        if (!op_of(before, f).stoppable || before.fibers[f].listens)
            return false;
        if (before.stopped) {
            come_to(before, f, "s");
        } else {
            state s = before;
            s.fibers[f].listens = true;
            explore(s);
        }
        return true;
    }

    // The first request stops the listeners, one after the other.
    void stop(state const& before, std::size_t f) {
        if (before.stopped)
            return come_to(before, f, "x");
        state s = before;
        s.stopped = s.fibers[f].stopping = true;
        explore(s);
    }

    bool stop_one(state const& before, std::size_t f) {
        bool all = true;
        for (std::size_t g = 0; g < before.fibers.size(); ++g)
            if (before.fibers[g].listens) {
                come_to(before, g, "s");
                all = false;
            }
        if (all)
            come_to(before, f, "!");
        return true;
    }

    void close(state const& before, std::size_t f, operation const& op) {
        auto const at = static_cast<std::size_t>(op.channel);
        if (before.channels[at].closed || p_.capacities[at] < 0)
            return come_to(before, f, "x");
        state s = before;
        auto& c = s.channels[at];
        c.closed = true;
        for (auto* q : {&c.receivers, &c.senders})
            while (!q->empty()) {
                auto const w = q->front();
                finish(s, w.fiber, w.which, "x");
            }
        finish(s, f, "!");
        explore(s);
    }

    bool expire(state const& before, std::size_t f) {
        if (waits(op_of(before, f)) != blocking::for_a_time)
            return false;
        come_to(before, f, "t");
        return true;
    }

    program const& p_;
    std::set<std::string> seen_;
};

} // namespace

outcomes all_allowed(program const& p) {
    model m(p);
    m.explore({std::vector<channel_state>(p.capacities.size()), std::vector<fiber_state>(p.fibers.size())});
    return m.found;
}

} // namespace tests
