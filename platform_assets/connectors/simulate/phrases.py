"""What customers write, in twelve languages; the simulator's own words."""

# ruff: noqa: RUF001 - other scripts have punctuation of their own
from __future__ import annotations

REVIEWS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "negative": (
            "It broke after two days.",
            "The quality is terrible.",
            "I want my money back.",
            "Nothing like the description, a complete waste of money.",
        ),
        "neutral": (
            "It is okay for the price.",
            "Delivery took a week.",
            "Does what it should, nothing more.",
            "The colour differs a little from the picture.",
        ),
        "positive": (
            "Excellent, I would buy it again.",
            "Arrived quickly and well packed.",
            "The quality is wonderful.",
            "My whole family loves it.",
        ),
    },
    "de": {
        "negative": (
            "Nach zwei Tagen war es kaputt.",
            "Die Qualität ist miserabel.",
            "Ich möchte mein Geld zurück.",
            "Entspricht überhaupt nicht der Beschreibung, sehr enttäuschend.",
        ),
        "neutral": (
            "Für den Preis in Ordnung.",
            "Die Lieferung dauerte eine Woche.",
            "Tut, was es soll, mehr nicht.",
            "Die Farbe weicht etwas vom Bild ab.",
        ),
        "positive": (
            "Ausgezeichnet, ich würde es wieder kaufen.",
            "Kam schnell und gut verpackt an.",
            "Die Qualität ist wunderbar.",
            "Die ganze Familie ist begeistert.",
        ),
    },
    "fr": {
        "negative": (
            "Cassé au bout de deux jours.",
            "La qualité est lamentable.",
            "Je veux être remboursé.",
            "Rien à voir avec la description, très déçu.",
        ),
        "neutral": (
            "Correct pour le prix.",
            "La livraison a pris une semaine.",
            "Fait ce qu'il doit faire, sans plus.",
            "La couleur diffère un peu de la photo.",
        ),
        "positive": (
            "Excellent, je le rachèterais sans hésiter.",
            "Arrivé vite et bien emballé.",
            "La qualité est magnifique.",
            "Toute la famille l'adore.",
        ),
    },
    "es": {
        "negative": (
            "Se rompió a los dos días.",
            "La calidad es pésima.",
            "Quiero que me devuelvan el dinero.",
            "No se parece en nada a la descripción, una decepción.",
        ),
        "neutral": (
            "Está bien para lo que cuesta.",
            "El envío tardó una semana.",
            "Cumple su función, nada más.",
            "El color es un poco distinto al de la foto.",
        ),
        "positive": (
            "Excelente, lo volvería a comprar.",
            "Llegó rápido y bien embalado.",
            "La calidad es maravillosa.",
            "A toda la familia le encanta.",
        ),
    },
    "it": {
        "negative": (
            "Si è rotto dopo due giorni.",
            "La qualità è pessima.",
            "Rivoglio i miei soldi.",
            "Niente a che vedere con la descrizione, che delusione.",
        ),
        "neutral": (
            "Va bene per il prezzo.",
            "La consegna ha richiesto una settimana.",
            "Fa quello che deve, niente di più.",
            "Il colore è un po' diverso dalla foto.",
        ),
        "positive": (
            "Eccellente, lo ricomprerei subito.",
            "Arrivato in fretta e ben imballato.",
            "La qualità è meravigliosa.",
            "Piace a tutta la famiglia.",
        ),
    },
    "pt": {
        "negative": (
            "Avariou ao fim de dois dias.",
            "A qualidade é péssima.",
            "Quero o meu dinheiro de volta.",
            "Nada a ver com a descrição, uma desilusão.",
        ),
        "neutral": (
            "Aceitável para o preço.",
            "A entrega demorou uma semana.",
            "Faz o que deve, nada mais.",
            "A cor é um pouco diferente da fotografia.",
        ),
        "positive": (
            "Excelente, voltaria a comprar.",
            "Chegou depressa e bem embalado.",
            "A qualidade é maravilhosa.",
            "Toda a família adora.",
        ),
    },
    "nl": {
        "negative": (
            "Na twee dagen was het kapot.",
            "De kwaliteit is waardeloos.",
            "Ik wil mijn geld terug.",
            "Lijkt in niets op de beschrijving, erg teleurstellend.",
        ),
        "neutral": (
            "Prima voor de prijs.",
            "De levering duurde een week.",
            "Doet wat het moet doen, meer niet.",
            "De kleur wijkt iets af van de foto.",
        ),
        "positive": (
            "Uitstekend, ik zou het zo weer kopen.",
            "Snel en goed verpakt geleverd.",
            "De kwaliteit is geweldig.",
            "Het hele gezin is er blij mee.",
        ),
    },
    "pl": {
        "negative": (
            "Zepsuło się po dwóch dniach.",
            "Jakość jest fatalna.",
            "Chcę zwrotu pieniędzy.",
            "Zupełnie niezgodne z opisem, wielkie rozczarowanie.",
        ),
        "neutral": (
            "W porządku za tę cenę.",
            "Dostawa trwała tydzień.",
            "Robi to, co powinno, nic więcej.",
            "Kolor trochę różni się od zdjęcia.",
        ),
        "positive": (
            "Znakomite, kupię ponownie.",
            "Dotarło szybko i dobrze zapakowane.",
            "Jakość jest wspaniała.",
            "Cała rodzina jest zachwycona.",
        ),
    },
    "sv": {
        "negative": (
            "Den gick sönder efter två dagar.",
            "Kvaliteten är usel.",
            "Jag vill ha pengarna tillbaka.",
            "Stämmer inte alls med beskrivningen, en besvikelse.",
        ),
        "neutral": (
            "Helt okej för priset.",
            "Leveransen tog en vecka.",
            "Gör vad den ska, inte mer.",
            "Färgen skiljer sig lite från bilden.",
        ),
        "positive": (
            "Utmärkt, jag skulle köpa den igen.",
            "Kom snabbt och väl förpackad.",
            "Kvaliteten är underbar.",
            "Hela familjen älskar den.",
        ),
    },
    "ja": {
        "negative": (
            "二日で壊れました。",
            "品質がひどいです。",
            "返金してほしいです。",
            "説明と全く違い、とてもがっかりしました。",
        ),
        "neutral": (
            "値段相応だと思います。",
            "配達に一週間かかりました。",
            "普通に使えます。",
            "色が写真と少し違います。",
        ),
        "positive": (
            "素晴らしい商品で、また買いたいです。",
            "早く届き、梱包も丁寧でした。",
            "品質が最高です。",
            "家族みんなが気に入っています。",
        ),
    },
    "zh": {
        "negative": (
            "用了两天就坏了。",
            "质量太差了。",
            "我要求退款。",
            "和描述完全不符，非常失望。",
        ),
        "neutral": (
            "这个价格还可以。",
            "送货花了一个星期。",
            "功能一般，能用。",
            "颜色和图片有点不同。",
        ),
        "positive": (
            "非常好，我会再次购买。",
            "送货很快，包装也很好。",
            "质量非常棒。",
            "全家人都很喜欢。",
        ),
    },
    "ar": {
        "negative": (
            "تعطل بعد يومين.",
            "الجودة سيئة جدا.",
            "أريد استرداد أموالي.",
            "لا يشبه الوصف أبدا، خيبة أمل كبيرة.",
        ),
        "neutral": (
            "مقبول بهذا السعر.",
            "استغرق التوصيل أسبوعا.",
            "يؤدي الغرض لا أكثر.",
            "اللون يختلف قليلا عن الصورة.",
        ),
        "positive": (
            "ممتاز، سأشتريه مرة أخرى.",
            "وصل بسرعة وبتغليف جيد.",
            "الجودة رائعة.",
            "العائلة كلها تحبه.",
        ),
    },
}

TICKETS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Where is my parcel?", "Order {order} should have arrived last week."),
        ("Refund", "I sent order {order} back and still wait for my money."),
        ("Damaged goods", "The item of order {order} arrived broken."),
        ("Cannot log in", "I cannot log in to see order {order}; my password is refused."),
    ),
    "de": (
        ("Wo ist mein Paket?", "Bestellung {order} sollte letzte Woche ankommen."),
        ("Erstattung", "Ich habe Bestellung {order} zurückgeschickt und warte auf mein Geld."),
        ("Ware beschädigt", "Der Artikel aus Bestellung {order} kam zerbrochen an."),
        (
            "Anmeldung geht nicht",
            "Ich kann Bestellung {order} nicht sehen, mein Passwort gilt nicht.",
        ),
    ),
    "fr": (
        ("Où est mon colis ?", "La commande {order} devait arriver la semaine dernière."),
        ("Remboursement", "J'ai renvoyé la commande {order} et j'attends mon argent."),
        ("Article abîmé", "L'article de la commande {order} est arrivé cassé."),
        (
            "Connexion impossible",
            "Mon mot de passe est refusé, je ne vois pas la commande {order}.",
        ),
    ),
    "es": (
        ("¿Dónde está mi paquete?", "El pedido {order} debía llegar la semana pasada."),
        ("Reembolso", "Devolví el pedido {order} y sigo esperando mi dinero."),
        ("Artículo dañado", "El artículo del pedido {order} llegó roto."),
        ("No puedo entrar", "No puedo ver el pedido {order}: mi contraseña no funciona."),
    ),
    "it": (
        ("Dov'è il mio pacco?", "L'ordine {order} doveva arrivare la settimana scorsa."),
        ("Rimborso", "Ho restituito l'ordine {order} e aspetto ancora i soldi."),
        ("Merce danneggiata", "L'articolo dell'ordine {order} è arrivato rotto."),
        ("Accesso impossibile", "Non vedo l'ordine {order}: la password non viene accettata."),
    ),
    "pt": (
        (
            "Onde está a minha encomenda?",
            "A encomenda {order} devia ter chegado na semana passada.",
        ),
        ("Reembolso", "Devolvi a encomenda {order} e ainda espero pelo dinheiro."),
        ("Artigo danificado", "O artigo da encomenda {order} chegou partido."),
        ("Não consigo entrar", "Não vejo a encomenda {order}: a palavra-passe é recusada."),
    ),
    "nl": (
        ("Waar is mijn pakket?", "Bestelling {order} had vorige week moeten komen."),
        ("Terugbetaling", "Ik heb bestelling {order} teruggestuurd en wacht op mijn geld."),
        ("Beschadigd artikel", "Het artikel van bestelling {order} kwam kapot aan."),
        ("Inloggen lukt niet", "Ik zie bestelling {order} niet, mijn wachtwoord wordt geweigerd."),
    ),
    "pl": (
        ("Gdzie jest moja paczka?", "Zamówienie {order} miało przyjść w zeszłym tygodniu."),
        ("Zwrot pieniędzy", "Odesłałem zamówienie {order} i wciąż czekam na pieniądze."),
        ("Uszkodzony towar", "Towar z zamówienia {order} przyszedł zepsuty."),
        ("Nie mogę się zalogować", "Nie widzę zamówienia {order}, hasło jest odrzucane."),
    ),
    "sv": (
        ("Var är mitt paket?", "Beställning {order} skulle ha kommit förra veckan."),
        ("Återbetalning", "Jag skickade tillbaka beställning {order} och väntar på pengarna."),
        ("Skadad vara", "Varan i beställning {order} kom trasig."),
        ("Kan inte logga in", "Jag ser inte beställning {order}, lösenordet godtas inte."),
    ),
    "ja": (
        ("荷物はどこですか", "注文{order}は先週届くはずでした。"),
        ("返金について", "注文{order}を返品しましたが、まだ返金されません。"),
        ("商品の破損", "注文{order}の商品が壊れて届きました。"),
        ("ログインできません", "パスワードが通らず、注文{order}を確認できません。"),
    ),
    "zh": (
        ("我的包裹在哪里？", "订单{order}上周就应该到了。"),
        ("退款", "订单{order}已经退货，我还在等退款。"),
        ("商品损坏", "订单{order}的商品送到时已经坏了。"),
        ("无法登录", "密码被拒绝，我看不到订单{order}。"),
    ),
    "ar": (
        ("أين طردي؟", "كان يجب أن يصل الطلب {order} الأسبوع الماضي."),
        ("استرداد المبلغ", "أعدت الطلب {order} وما زلت أنتظر أموالي."),
        ("بضاعة تالفة", "وصل منتج الطلب {order} مكسورا."),
        ("لا أستطيع الدخول", "كلمة المرور مرفوضة ولا أرى الطلب {order}."),
    ),
}
