/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * hook_close.pml: [hook.close] of hook/close.cpp and [registered] of io/registered_numbers.hpp. A caller
 * closes a number for which an agent waits or is about to wait, and another one may open a new file under
 * the number. The model shows:
 *   - no agent sleeps forever for the file that was closed;
 *   - an agent that waited when the close began never reads from the new file.
 *
 *   here      there
 *   agent     the loop of watched_descriptor.hpp, netpoller::wait_for, ensure_registered
 *   closer    close
 *   opener    open or dup of the program
 *
 * The kernel's table of descriptors is a variable with buffered stores: system calls are no fences.
 *
 * NO_FENCE        the agent passes no fence between its bit and the registration
 * NO_CLOSE_FENCE  close passes no fence
 * BIT_LAST        the agent sets the bit when it has registered
 * NO_END          close does not end the waits before the number is free
 * NO_RETRY        close does not wake the agents that came later
 */
#define AGENT 0
#define CLOSER 1
#define AGENTS 2
#define BIT 0
#define NUMBER 1 /* what it names */
#define VARIABLES 2
#include "tso.pml"

#define OLD_FILE 0
#define NO_FILE 1
#define NEW_FILE 2

bool locked; /* the slot */
bool queued, ended, asleep, waited_before;
byte waits_for;

inline set_bit() {
    store(BIT, 1);
#ifndef NO_FENCE
    drained;
#endif
}

proctype agent(byte me) {
again:
    if
    :: load(NUMBER) == NO_FILE -> goto done /* EBADF */
    :: load(NUMBER) == NEW_FILE -> assert(!waited_before); goto done
    :: load(NUMBER) == OLD_FILE /* an attempt finds nothing */
    fi;
    atomic { drained && !locked -> locked = true };
#ifndef BIT_LAST
    set_bit();
#endif
    atomic {
        waits_for = load(NUMBER);
        if
        :: waits_for == NO_FILE -> locked = false; goto done /* EPOLL_CTL_ADD: EBADF */
        :: else
        fi };
#ifdef BIT_LAST
    set_bit();
#endif
    atomic { locked = false; queued = true; asleep = true };
end_asleep:
    atomic { !queued -> asleep = false };
    if
    :: ended
    :: !ended -> goto again
    fi;
done:
    skip
}

proctype closer(byte me) {
    waited_before = queued;
#ifndef NO_END
    if
    :: load(BIT) -> atomic { drained && !locked -> ended = queued; queued = false }
    :: else
    fi;
#endif
    store(NUMBER, NO_FILE);
#ifndef NO_CLOSE_FENCE
    drained;
#endif
#ifndef NO_RETRY
    if
    :: load(BIT) -> atomic { drained && !locked -> queued = false }
    :: else
    fi
#endif
}

proctype opener() {
end:
    atomic { memory[NUMBER] == NO_FILE -> memory[NUMBER] = NEW_FILE }
}

init {
    atomic { run agent(AGENT); run closer(CLOSER); run opener() }
    timeout;
    assert(!asleep || waits_for == NEW_FILE)
}
