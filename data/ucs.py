"""The categories that aiSFX's heads name: which output is which, and what people call them.

Three of its nine heads speak the Universal Category System (public domain): `prosfx` (78 outputs),
`soundlyTrain` (79) and `ucsMixed` (69), as the checkpoint itself calls them. Their outputs are the
82 categories in alphabetical order, less ARCHIVED and those that a library has no sounds of.

Head 0: plain sounds of known class, real and synthetic, were played to the network and their
strongest output noted (alarm clock 2, caribou 4, busy tone 5, bell 6, clock tick 13, incoming call
15, explosion 26, laser 42, glass 36, violin and bassoon 50, swoosh 63, spoken letters 70, whistle
74, wind 75). That leaves one gap between 4 and 6 (ARCHIVED), one between 8 and 14, one between 43
and 46 and one after 75. Which category is missing inside the last three gaps is a guess (CHEMICALS,
LEATHER, WINGS): trust outputs 12, 43, 44 and 76 least.

Heads 1 and 2 were matched to head 0 and to the names of 340 sounds by the order-preserving
assignment of outputs to categories whose correlations sum highest (dynamic programming). Head 1 is
sure but for which two categories it lacks among neighbours; of head 2 the common categories are
sure (crowds, gore, voices, water, weather), the rare ones are guesses.
"""

CATEGORIES: tuple[tuple[str, list[str]], ...] = (
    ("air", ["air hiss", "steam burst", "blowing air"]),
    ("aircraft", ["airplane", "helicopter", "jet", "propeller plane"]),
    ("alarms", ["alarm", "siren", "alarm clock ringing", "buzzer"]),
    ("ambience", ["background noise of a place", "city street", "restaurant", "nature at night"]),
    ("animals", ["animal", "dog barking", "cat meowing", "horse", "cow", "insect"]),
    ("beeps", ["beep", "electronic tone", "telephone tone"]),
    ("bells", ["bell", "church bell", "chime", "bell ringing"]),
    ("birds", ["bird", "bird singing", "crow", "owl", "rooster", "songbird"]),
    ("boats", ["boat", "ship", "motorboat", "rowing"]),
    ("bullets", ["bullet", "ricochet", "bullet whizzing by"]),
    ("cartoon", ["cartoon sound", "boing", "funny noise"]),
    ("ceramics", ["plates", "pottery", "dishes clattering", "mug"]),
    ("chains", ["chain", "rattling chains", "shackles"]),
    ("chemicals", ["chemicals", "acid", "chemical reaction"]),
    ("clocks", ["clock", "ticking clock", "watch", "clock striking"]),
    ("cloth", ["cloth", "fabric rustling", "flag flapping"]),
    ("communications", ["telephone", "phone ringing", "radio static", "camera"]),
    ("computers", ["computer", "keyboard typing", "printer", "hard drive"]),
    ("creatures", ["monster", "dragon", "growl", "beast roaring"]),
    ("crowds", ["crowd", "applause", "cheering audience", "people talking"]),
    ("designed sounds", ["sound design", "drone", "impact boom", "riser"]),
    ("destruction", ["collapse", "crash", "debris", "building falling"]),
    ("dirt and sand", ["dirt", "sand", "gravel", "digging"]),
    ("doors", ["door", "door opening", "door slamming", "creaking door"]),
    ("drawers", ["drawer", "cupboard", "drawer sliding"]),
    ("electricity", ["electricity", "spark", "electric hum", "zap"]),
    ("equipment", ["equipment", "gear", "sports gear", "handling tools"]),
    ("explosions", ["explosion", "bomb", "blast"]),
    ("farts", ["fart", "flatulence", "whoopee cushion"]),
    ("fight", ["punch", "fight", "body hit", "kick"]),
    ("fire", ["fire", "crackling fire", "campfire", "flames burning", "fireplace"]),
    ("fireworks", ["fireworks", "firecracker", "rocket bursting"]),
    ("foley", ["movement of hands and feet", "body movement", "clothes moving"]),
    ("food and drink", ["eating", "cooking", "pouring a drink", "kitchen", "frying"]),
    ("footsteps", ["footsteps", "walking", "running feet", "steps on stairs"]),
    ("games", ["game", "board game", "arcade", "casino", "dice"]),
    ("geothermal", ["geyser", "lava", "volcano", "bubbling mud"]),
    ("glass", ["glass", "breaking glass", "bottle", "glass clink"]),
    ("gore", ["blood", "flesh", "squish", "bone breaking"]),
    ("guns", ["gun", "gunshot", "rifle", "pistol", "shooting"]),
    ("horns", ["horn", "car horn", "foghorn", "air horn"]),
    ("humans", ["breathing", "cough", "sneeze", "heartbeat", "laugh"]),
    ("ice", ["ice", "ice cracking", "skating"]),
    ("lasers", ["laser", "ray gun", "laser beam"]),
    ("leather", ["leather", "leather creaking"]),
    ("liquid and mud", ["liquid", "mud", "slime", "splat"]),
    ("machines", ["machine", "factory", "industrial machine", "washing machine"]),
    ("magic", ["magic", "spell", "sparkle", "fairy dust"]),
    ("mechanical", ["mechanism", "gears", "switch", "click", "lever"]),
    ("metal", ["metal", "metal clang", "hammer on metal", "coins"]),
    ("motors", ["motor", "electric motor", "fan", "drill"]),
    ("movement", ["movement", "crowd moving", "rustle"]),
    ("musical", ["music", "guitar", "piano", "drum", "flute", "violin", "musical instrument"]),
    ("natural disaster", ["earthquake", "avalanche", "tornado", "tsunami"]),
    ("objects", ["household object", "bag", "book", "umbrella", "keys"]),
    ("paper", ["paper", "page turning", "tearing paper", "newspaper"]),
    ("plastic", ["plastic", "plastic bag", "plastic bottle"]),
    ("rain", ["rain", "rainfall", "rain on a roof", "raindrops"]),
    ("robots", ["robot", "android", "servo"]),
    ("rocks", ["rock", "stone", "boulder rolling"]),
    ("rope", ["rope", "rope creaking", "rope swinging"]),
    ("rubber", ["rubber", "rubber band", "balloon", "tire squeak"]),
    ("science fiction", ["spaceship", "alien", "teleport", "force field"]),
    ("snow", ["snow", "snow crunching", "skiing"]),
    ("sports", ["sport", "ball", "tennis", "basketball", "stadium"]),
    ("swooshes", ["swoosh", "whoosh", "swish"]),
    ("tools", ["tool", "saw", "hammer", "power tool"]),
    ("toys", ["toy", "squeaky toy", "music box", "wind-up toy"]),
    ("trains", ["train", "locomotive", "steam train", "railway", "subway"]),
    ("user interface", ["notification", "button click", "interface sound"]),
    ("vegetation", ["leaves", "grass", "bush", "branches", "tree falling"]),
    ("vehicles", ["car", "truck", "motorcycle", "bus", "engine"]),
    ("voices", ["voice", "speech", "talking", "singing", "scream"]),
    ("water", ["water", "stream", "river", "waves", "splash", "bubbles", "waterfall"]),
    ("weapons", ["weapon", "sword", "arrow", "knife", "armor"]),
    ("weather", ["thunder", "thunderstorm", "lightning", "storm", "hail"]),
    ("whistles", ["whistle", "whistling", "referee whistle"]),
    ("wind", ["wind", "howling wind", "gust", "breeze"]),
    ("windows", ["window", "window blinds", "shutters"]),
    ("wings", ["wings", "wings flapping", "bird flapping its wings"]),
    ("wood", ["wood", "wood creaking", "wood knock", "chopping wood"]),
)

MISSING: tuple[frozenset[str], ...] = (
    frozenset({"chemicals", "leather", "wings"}),
    frozenset({"foley", "geothermal"}),
    frozenset(
        {
            *("chains", "destruction", "dirt and sand", "food and drink", "liquid and mud"),
            *("magic", "natural disaster", "rope", "rubber", "science fiction", "snow", "wood"),
        }
    ),
)
"""The categories that a head has no output for, head by head."""

HEADS: tuple[tuple[str, ...], ...] = tuple(
    tuple(name for name, _ in CATEGORIES if name not in missing) for missing in MISSING
)
"""The category of every output, head by head."""

CLASSES = tuple(one for one in CATEGORIES if one[0] in HEADS[0])
"""The categories of the first head."""
