"""Words that several capabilities share: the pools that fill the slots of every grammar."""

from streams.scenarios.prompts.grammar import options, phrases, words

NAMES = words(
    "Amara Bruno Chidi Dora Elif Farid Greta Hana Ivo Jonas Kavya Lena Marek Nadia Omar Priya Quentin Rosa Sven "
    "Tomas Uma Viktor Wen Ximena Yusuf Zofia Aiko Bela Carmen Dmitri Esther Felix Gita Hugo Ines Jamal Karin "
    "Luca Mina Nils"
)
PLACES = words(
    "Lisbon Leeds Nairobi Osaka Porto Quito Riga Seville Tampa Utrecht Vilnius Warsaw Austin Bergen Cairo "
    "Denver Essen Fukuoka Ghent Hanoi Izmir Jakarta Krakow Lagos Madrid Naples Oslo Perth Recife Seoul Turin "
    "Umea Vienna York"
)
NUMBERS = tuple(str(number) for number in (*range(2, 60), *range(60, 1_000, 17), *range(1_000, 20_000, 613)))
THINGS = words(
    "invoices orders sensors bookings recipes tickets shipments lessons meters playlists surveys leases claims "
    "patients matches reviews coupons routes payroll inventory timesheets donations flights contracts refunds "
    "warranties deliveries appointments subscriptions auctions grants exams parcels harvests turbines lockers "
    "bicycles permits loans menus"
)
FIELDS = words(
    "retail logistics astronomy nursing farming banking tourism chess geology publishing insurance robotics "
    "plumbing acoustics beekeeping translation architecture chemistry football sailing pottery genetics "
    "economics linguistics cartography brewing ecology photography theatre metallurgy"
)
FEELINGS = words("calm friendly formal playful direct warm cautious confident plain curious gentle brisk")
DAYS = options("Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday | tomorrow | next week | tonight")
REASONS = options(
    "because the audit is close | since the last release broke it | so that the new colleagues can follow it | "
    "because the client asked twice | as the old way takes hours | since nobody here knows it well | so that I "
    "can explain it to my manager | because the deadline moved | as part of a small side project | since our "
    "budget is fixed | so my parents can use it as well | because last year went wrong"
)

SHARED = {
    "name": NAMES,
    "place": PLACES,
    "number": NUMBERS,
    "thing": THINGS,
    "field": FIELDS,
    "feeling": FEELINGS,
    "day": DAYS,
    "reason": REASONS,
}

OPENERS = phrases(
    SHARED,
    "Hi!",
    "Hello,",
    "Quick question.",
    "I need a hand with something.",
    "I work in {field} and I am a bit lost.",
    "Good morning from {place}.",
    "My colleague {name} suggested asking you.",
    "I have been at this since {day}.",
    "Bear with me, this is for {field}.",
    "Thanks for the earlier help.",
    "We are a team of {number} people in {place}.",
    "This is about our {thing}.",
)

LEAD_INS = phrases(
    SHARED,
    "Thanks.",
    "Ok.",
    "Hmm.",
    "Great, that helps.",
    "Not quite what I meant.",
    "Good, {name} likes it.",
    "I tried it on the {thing}.",
    "Sorry, I forgot something.",
    "One more thing.",
    "That was for {place}.",
    "It is {feeling} enough now.",
    "I showed it to {name} in {place}.",
    "Wait.",
    "Perfect for the {thing}.",
)

BACKGROUND = phrases(
    SHARED,
    "It is for {name}, who looks after the {thing} in {place}.",
    "I need it by {day}, {reason}.",
    "We have about {number} {thing} and it has to work for all of them.",
    "Please keep it {feeling}, {reason}.",
    "Our office in {place} does it differently from the one in {place}.",
    "Last time {name} tried this, it took {number} hours.",
    "I know {field} well but not this part of it.",
    "Do not worry about the {thing}, they come later.",
    "If something is unclear, ask me before you start.",
    "The result goes to {name} on {day}.",
    "We used to do this by hand for {number} {thing}, {reason}.",
    "Assume that I am new to {field}.",
)

REPLIES = phrases(
    SHARED,
    "Here is one way to do it.",
    "The main point is that the {thing} change more slowly than they seem to.",
    "Start with the {thing}, then check the {number} cases that differ.",
    "I would do this in three steps and test each one before {day}.",
    "There are two things to weigh here, {reason}.",
    "For {field}, the usual choice is the simpler of the two.",
    "If {name} agrees, you can leave out the second part.",
    "That keeps the result {feeling} and easy to follow.",
    "It works for {number} {thing}; above that, split them.",
    "Let me know if you would like an example from {field}.",
    "The second option costs more but saves {number} minutes a day.",
    "In short: yes, provided the {thing} are complete.",
)
"""What the model answers: only there so that a conversation's history grows as a real one does."""
