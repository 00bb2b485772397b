/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * lists.pml: idle_machines of sched/idle.hpp, for hand_off.pml and retire.pml, which define
 * MACHINES as 3 and PROCESSORS as 1 or 2. Each agent has a variable `x`, which is 0 between the
 * steps. It does not matter which machine is taken off a list, and where that is cheap, the model
 * leaves it open.
 *
 * FORGOTTEN        a displaced machine does not become a spare
 */
#define NONE PROCESSORS

byte has[MACHINES] = NONE;                /* machine::p */
byte idle, searching;                     /* counts_ */
bool listed[MACHINES], spare[MACHINES];   /* the lists */
bool woken[MACHINES], searches[MACHINES]; /* machine::wake_word_, searching */

#define anyone(list) (list[0] || list[1] || list[2])
#define holders(q) ((has[0] == (q)) + (has[1] == (q)) + (has[2] == (q)))
#define first(list) x = (list[0] -> 0 : (list[1] -> 1 : (list[2] -> 2 : MACHINES)))

/* No machine is woken again before it has slept: the second wake-up would be lost. */
#define wake(m) assert(!woken[m]); woken[m] = true

inline give(q, m) { assert(holders(q) == 0 && has[m] == NONE); has[m] = q }

inline take_idle() { /* takes one idle machine; inside an atomic step */
    if
    :: listed[0] -> x = 0
    :: listed[1] -> x = 1
    :: listed[2] -> x = 2
    :: else -> x = MACHINES
    fi;
    if :: x < MACHINES -> listed[x] = false; idle-- :: else fi
}

inline wake_one() {
    do
    :: atomic { idle == 0 || searching != 0 -> break }
    :: atomic { idle > 0 && searching == 0 -> searching = 1 };
       atomic { take_idle();
           if :: x < MACHINES -> searches[x] = true; wake(x); x = 0; break :: else -> x = 0 fi };
       searching--
    od
}

inline wake_all() {
    do
    :: atomic { idle > 0 -> take_idle(); wake(x); x = 0 }
    :: atomic { idle == 0 -> break }
    od
}

inline wake_spares() {
    do
    :: atomic { anyone(spare) -> first(spare); spare[x] = false; wake(x); x = 0 }
    :: atomic { !anyone(spare) -> break }
    od
}

inline withdraw(m) { listed[m] = false; idle-- } /* inside an atomic step that has tested listed[m] */
inline search_again(m) { searching++; searches[m] = true }
inline enlist(m) { assert(!listed[m] && !woken[m]); listed[m] = true; idle++ }

/* take_idle_processor(), and has_processor(), which calls it. `mine` is a variable of the caller. */
inline regain() {
    if
    :: atomic { has[me] == NONE && idle > 0 -> take_idle(); mine = has[x]; has[x] = NONE;
#ifndef FORGOTTEN
           spare[x] = true;
#endif
           x = 0; give(mine, me); mine = 0 }
    :: atomic { has[me] != NONE || idle == 0 }
    fi
}
