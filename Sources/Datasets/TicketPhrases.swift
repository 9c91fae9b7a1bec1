/// The words that support tickets are made of.
///
/// In a phrase, `[a|b]` is a choice (a choice may be empty, and none is inside another) and `{slot}` is filled.
/// A new intent is a row in `intents`.
enum TicketPhrases {
    /// Intent → ways to say it.
    static let intents: [(name: String, phrases: [String])] = [
        (
            "order_status",
            [
                "where is my [order|parcel|package] {order}[ now|]",
                "[can|could] you tell me the status of order {order}",
                "i [want|would like] to know [where|how far] my {product} is",
                "has order {order} [shipped|left the warehouse] yet",
                "i ordered a {product} {days} days ago, [what is its status|any news on it]",
                "is there a tracking number for [order {order}|my {product}]",
                "tracking for {order} [shows nothing|does not update]",
            ]
        ),
        (
            "delivery_delay",
            [
                "my {product} [is|was] supposed to arrive {days} days ago",
                "order {order} is [late|delayed|overdue] by {days} days",
                "why does the delivery of my {product} take [so|this] long",
                "the courier [keeps postponing|postponed] my delivery of {order}",
                "you promised {product} delivery [last week|on {weekday}] and it [never came|is still not here]",
                "[still waiting|i am still waiting] for {order}, the delivery date has passed",
            ]
        ),
        (
            "change_address",
            [
                "please [send|ship] order {order} to [another|a different] address",
                "i moved to {city}, can you [update|change] my delivery address",
                "the shipping address on {order} is [wrong|outdated]",
                "[change|correct] the address for my {product} order [please|]",
                "i [gave|entered] the wrong [street|house number] for {order}",
                "deliver to my office in {city} instead of [home|my old address]",
            ]
        ),
        (
            "cancel_order",
            [
                "[please cancel|cancel] order {order}", "i [want|need] to cancel my {product} order",
                "i changed my mind about the {product}, [stop|cancel] the order",
                "how do i cancel {order} before it ships",
                "i ordered the {product} [by mistake|twice by accident], please cancel [it|one]",
                "i no longer [want|need] order {order}, [can it be cancelled|do not send it]",
            ]
        ),
        (
            "missing_item",
            [
                "[one item|a {product}] is missing from order {order}",
                "the box came but the {product} was not [inside|in it]",
                "i [got|received] only [part|half] of order {order}",
                "my parcel {order} [was|is] incomplete, no {product}",
                "i paid for two {product}s and [only one came|got only one]",
                "[there is no|you forgot the] {product} in my package",
            ]
        ),
        (
            "wrong_item",
            [
                "i [received|got] a {product} instead of a {product2}", "you sent [me|] the wrong {product} in {order}",
                "this is not the {product} i ordered", "order {order} contains [somebody else's|the wrong] items",
                "wrong colour, i [ordered|asked for] a {colour} {product}",
                "the {product} in the box is [a different model|not what i bought]",
            ]
        ),
        (
            "damaged_item",
            [
                "my {product} arrived [broken|damaged|cracked]",
                "the {product} from {order} [has a dent|is scratched|is torn]",
                "the [box|parcel] was crushed and the {product} is [smashed|broken]",
                "[there is|i found] a big crack in the {product}",
                "the {product} [came|arrived] in pieces",
                "order {order} was [damaged|wet] when the courier [delivered|dropped] it",
            ]
        ),
        (
            "return_request",
            [
                "i [want|would like] to [return|send back] my {product}", "how do i return order {order}",
                "the {product} is not [for me|what i expected], i want to give it back",
                "can i send the {product} back after {days} days",
                "[what is|explain] your return policy for a {product}",
                "i am not [happy|satisfied] with the {product} and will return it",
            ]
        ),
        (
            "return_label",
            [
                "i [need|never got] a return label for {order}",
                "[please send|send] me [the|a] label to ship the {product} back",
                "the return label [does not print|will not open]",
                "where can i [download|print] the return label for my {product}",
                "the qr code for my return of {order} [expired|does not scan]",
                "your return label for {order} [has the wrong address|is blank]",
            ]
        ),
        (
            "refund_status",
            [
                "when will i get my [refund|money back] for {order}",
                "i returned the {product} {days} days ago and [still have|have] no refund",
                "[where is|what about] the refund for my {product}",
                "you [confirmed|approved] my refund but nothing [arrived|is on my account]",
                "has the refund of order {order} been [sent|processed]",
                "still waiting for my refund of {amount} dollars",
            ]
        ),
        (
            "refund_amount",
            [
                "my refund for {order} is [too low|less than i paid]",
                "i was refunded {amount} dollars but paid {amount2}",
                "why was shipping [deducted|taken] from my refund",
                "the refund for the {product} is {amount} dollars short",
                "you refunded only [half|part] of the price of my {product}",
                "the amount you [paid back|refunded] for {order} is [wrong|not right]",
            ]
        ),
        (
            "exchange_size",
            [
                "the {product} is too [small|big|tight|large], can i [swap|exchange] it",
                "i need the {product} in size {size} instead",
                "[exchange|swap] order {order} for [a larger|a smaller|another] size",
                "size {size} does not fit, i want size {size2}",
                "can i [change|trade] my {product} for a [bigger|smaller] one",
                "the {product} runs [small|large], please send size {size}",
            ]
        ),
        (
            "payment_failed",
            [
                "my [card|payment] was declined [at checkout|for {order}]",
                "i cannot pay for the {product}, [the payment fails|checkout shows an error]",
                "the payment page [crashes|freezes] when i [pay|press pay]",
                "my credit card is not accepted [in your shop|by your site]",
                "payment for {order} [did not go through|failed again]",
                "i get [error|code] {days}0{days} when i enter my card",
            ]
        ),
        (
            "double_charge",
            [
                "i was charged twice for {order}", "you [took|withdrew] {amount} dollars two times [from my card|]",
                "there are two [charges|payments] for the same {product}",
                "my [bank|card] statement shows {order} twice",
                "duplicate [charge|payment] of {amount} dollars for one {product}",
                "why did you bill me [double|two times] for the {product}",
            ]
        ),
        (
            "invoice_request",
            [
                "[please send|i need] an invoice for {order}",
                "where can i [find|download] the [invoice|receipt] for my {product}",
                "my company needs [a vat invoice|a bill with vat] for {order}",
                "i [lost|deleted] the receipt for my {product}",
                "the invoice for {order} [has the wrong name|lacks our tax number]",
                "can you [email|mail] me a copy of the invoice",
            ]
        ),
        (
            "discount_code",
            [
                "my [discount|promo|coupon] code does not work",
                "the code SAVE{days} is [rejected|invalid] [at checkout|]",
                "i forgot to [use|enter] my [coupon|promo code] for {order}",
                "do you have a [discount|voucher] code for a {product}",
                "the {days} percent discount was not applied to my {product}",
                "is the [student|welcome] discount still [valid|running]",
            ]
        ),
        (
            "gift_card",
            [
                "my gift card [shows|has] no balance", "how do i [use|redeem] a gift card",
                "the gift card [i bought|for my friend] never [arrived|came]",
                "can i [pay|buy] the {product} with a gift card", "the gift card code is [unreadable|scratched off]",
                "i want to [buy|order] a gift card for {amount} dollars",
            ]
        ),
        (
            "change_payment",
            [
                "can i [switch|change] the payment method for {order}",
                "i want to pay {order} by [invoice|bank transfer] instead of card",
                "please [remove|delete] my old credit card from [my|the] account",
                "how do i [add|save] a new card for [payments|future orders]",
                "use my [other card|new card] for the {product} [please|]",
                "my card expired, i need to update my payment [details|method]",
            ]
        ),
        (
            "login_problem",
            [
                "i [cannot|can not] log in to my account", "the [login|sign in] page [says|shows] error {days}0{days}",
                "your site [throws|logs] me out [every time|after a minute]",
                "my account is [locked|blocked], i cannot sign in", "login [fails|does not work] on [my phone|the app]",
                "the two factor code [never arrives|is always wrong]",
            ]
        ),
        (
            "password_reset",
            [
                "i forgot my password", "the password reset [email|link] never [came|arrived]",
                "how [do|can] i [reset|change] my password",
                "your reset link [has expired|is broken]", "[need|i need] a new password for {email}",
                "the new password is [not accepted|refused]",
            ]
        ),
        (
            "delete_account",
            [
                "please [delete|close|remove] my account", "i want all my [data|personal data] erased",
                "how do i [close|delete] my [profile|account] [for good|]",
                "[remove|erase] everything you [know|store] about {email}",
                "i do not want to be a customer any more, close [my account|everything]",
                "under privacy law i [ask|request] you to delete my data",
            ]
        ),
        (
            "change_email",
            [
                "i want to change my email [address|] to {email}",
                "my [old|current] email does not exist any more, please [update|replace] it",
                "[can|could] you [switch|move] my account to {email}",
                "i [mistyped|misspelled] my email when i [registered|signed up]",
                "use {email} [for|as] my account email from now on", "how do i update the email [of|on] my profile",
            ]
        ),
        (
            "newsletter_stop",
            [
                "stop [sending|mailing] me [newsletters|ads]", "i want to unsubscribe [from your newsletter|]",
                "the unsubscribe link [is broken|does not work]",
                "[too many|i get too many] marketing emails from you", "take {email} off your mailing list",
                "no more [promotions|newsletters], please",
            ]
        ),
        (
            "product_question",
            [
                "is the {product} [waterproof|dishwasher safe|suitable for kids]",
                "what [material|fabric] is the {product} made of",
                "how [heavy|wide|long] is the {product}", "does the {product} come with [batteries|a charger|a manual]",
                "what is the difference between the {product} and the {product2}",
                "can the {product} be used [outdoors|in winter]",
            ]
        ),
        (
            "availability",
            [
                "when will the {product} be [back in stock|available again]",
                "is the {colour} {product} [in stock|sold out]",
                "do you [have|sell] the {product} in {colour}", "[notify|tell] me when size {size} is [back|available]",
                "the {product} is out of stock, [when do you restock|will it return]",
                "how many {product}s [are left|do you have]",
            ]
        ),
        (
            "warranty_claim",
            [
                "my {product} stopped working after {days} months", "is the {product} still under warranty",
                "i want to make a warranty claim for [my {product}|{order}]",
                "the {product} broke [during normal use|within the guarantee], please repair it",
                "how long is the [guarantee|warranty] on a {product}",
                "the [motor|zipper|switch] of the {product} is faulty, does the guarantee cover it",
            ]
        ),
        (
            "shipping_cost",
            [
                "how much is shipping to {city}", "what does delivery of a {product} cost",
                "is shipping free [above|over] {amount} dollars",
                "why [do i pay|is there] {amount} dollars for shipping",
                "the [shipping fee|delivery charge] is too high",
                "what are your [shipping rates|delivery prices] for [abroad|{city}]",
            ]
        ),
        (
            "pickup_location",
            [
                "where can i [pick up|collect] order {order}", "is there a [pickup point|collection point] in {city}",
                "can i collect the {product} [in your store|at a shop]",
                "the pickup shop in {city} [was closed|could not find {order}]",
                "until when can i [collect|pick up] my {product}",
                "change my pickup point to [the one in |]{city}",
            ]
        ),
        (
            "loyalty_points",
            [
                "my [bonus|loyalty] points are [missing|gone]", "how do i [spend|use] my loyalty points",
                "i did not get points for {order}",
                "when do my [bonus|reward] points expire", "[how many|what number of] points do i get for a {product}",
                "my points balance [is wrong|dropped by {amount}]",
            ]
        ),
        (
            "complaint_staff",
            [
                "your [agent|employee] was [rude|very unfriendly] to me",
                "i want to complain about [your support|the staff in {city}]",
                "the [driver|courier] [shouted at me|was aggressive]", "nobody [answers|picks up] your hotline",
                "your chat [agent|worker] hung up on me", "the person on the phone [lied to|ignored|insulted] me",
            ]
        ),
    ]

    /// Urgency → signs of it. A ticket without any is of normal urgency.
    static let high = [
        "this is urgent", "[i need|need] an answer today", "please [help|answer] [asap|immediately|right now]",
        "it is an emergency",
        "i cannot wait any longer", "[answer|reply] within the hour", "this is the third time i [write|ask]",
        "[urgent|URGENT]",
        "i am leaving tomorrow so [hurry|be quick]", "i need this solved [now|at once]", "as soon as possible please",
    ]
    static let low = [
        "no rush", "[there is|it is] no hurry", "whenever you have time", "[just|only] wondering",
        "it is not urgent at all",
        "take your time", "[answer|reply] when it suits you", "[next week|next month] is fine too", "nothing pressing",
        "just out of curiosity", "a reply some day is enough",
    ]

    static let greetings = [
        "hi", "hello", "hey", "good morning", "dear support", "hi there", "hello team", "good evening",
        "dear sir or madam",
    ]
    /// What comes before the matter; the last ones speak of other matters, so that a single word decides little.
    static let openings = [
        "i have a question", "i hope you can help", "quick question", "i have a problem", "sorry to bother you",
        "i am a customer since {year}", "i am writing about my purchase", "my name is {name}",
        "thanks for [the quick refund|solving the delivery problem] last time",
        "i already read the page about [returns|shipping|warranty]",
        "the {product} i bought in {year} is great", "i found your shop through [the newsletter|a discount code]",
        "i got a gift card from {name} [last year|once]", "last time your agent {name} was very friendly",
    ]
    static let closings = [
        "thanks", "thank you", "best, {name}", "kind regards", "thanks in advance", "cheers, {name}", "bye",
        "regards {name}",
    ]

    static let slots: [String: [String]] = [
        "product": products, "product2": products,
        "colour": ["red", "blue", "black", "white", "green", "grey", "yellow", "brown", "pink"],
        "city": [
            "Berlin", "Lyon", "Porto", "Leeds", "Graz", "Turin", "Ghent", "Malmo", "Cork", "Gdansk", "Basel", "Utrecht",
        ],
        "name": [
            "Anna", "Ben", "Chen", "Dina", "Emil", "Farah", "Goran", "Hana", "Ivan", "Jo", "Kim", "Lena", "Musa",
            "Nora",
        ],
        "weekday": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
        "size": ["S", "M", "L", "XL", "36", "38", "40", "42", "44"],
        "size2": ["S", "M", "L", "XL", "36", "38", "40", "42", "44"],
    ]

    private static let products = [
        "jacket", "lamp", "kettle", "backpack", "phone case", "headset", "sofa", "desk", "chair", "blender", "tent",
        "clock",
        "keyboard", "monitor", "camera", "rug", "belt", "coat", "mug set", "drill", "bike helmet", "toaster",
        "speaker", "sweater", "mattress", "printer", "guitar", "suitcase",
    ]
}
