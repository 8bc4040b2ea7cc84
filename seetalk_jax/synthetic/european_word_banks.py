"""Word banks of further European languages for the human world: common words and sentence patterns.

Written for this library. Same slots as `word_banks`: N noun, V verb, A adjective, P place, T time, H name,
# number. The patterns are short, because endings that change with the case are left out: the sound matters, not
the grammar.
"""

from __future__ import annotations

EUROPEAN_BANKS: dict[str, dict] = {
  'sv': dict(
    nouns=(
      'huset, en gammal bok, floden, katten, ett äpple, fönstret, min bror, skogen, en kopp kaffe, bron, '
      'läraren, bilen, en röd hatt, musiken, båten, hunden, ett brev, kyrkan, brödet, månen, en cykel, fågeln, '
      'familjen, köket, ett paraply, tidningen, soppan, vägen, en nyckel, barnet'
    ),
    verbs='ser, köper, hittar, glömmer, målar, öppnar, beskriver, säljer, hör, behöver, älskar, väljer',
    adjectives='vacker, mycket viktig, för långt bort, tung, tyst, berömd, farlig, ny, dyr, omöjlig',
    places='i parken, vid havet, på taket, hemma, bakom dörren, under bordet, på stationen',
    times='i dag, varje fredag, på kvällen, efter maten, nästa vecka, ibland, i februari',
    names='Maria, Björn, Sofia, Åsa, Peter, Fredrik, Emma, Göran',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {V} {H} {N}.',
      'Varför är {N} så {A}?',
      'Vi ser {N}, {N} och {N} {T}.',
      'Det finns {#} personer {P}, och ingen {V} {N}.',
      'Jag heter {H}, och jag bor {P} med {N}.',
    ),  # fmt: skip
  ),
  'da': dict(
    nouns=(
      'huset, en gammel bog, floden, katten, et æble, vinduet, min bror, skoven, en kop kaffe, broen, læreren, '
      'bilen, en rød hat, musikken, båden, hunden, et brev, kirken, brødet, månen, en cykel, fuglen, familien, '
      'køkkenet, en paraply, avisen, suppen, vejen, en nøgle, barnet'
    ),
    verbs='ser, køber, finder, glemmer, maler, åbner, beskriver, sælger, hører, bruger, elsker, vælger',
    adjectives='smuk, meget vigtig, for langt væk, tung, stille, berømt, farlig, ny, dyr, umulig',
    places='i parken, ved havet, på taget, hjemme, bag døren, under bordet, på stationen',
    times='i dag, hver fredag, om aftenen, efter maden, næste uge, af og til, i februar',
    names='Maria, Bjørn, Sofie, Åse, Peter, Frederik, Emma, Søren',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {V} {H} {N}.',
      'Hvorfor er {N} så {A}?',
      'Vi ser {N}, {N} og {N} {T}.',
      'Der er {#} personer {P}, og ingen {V} {N}.',
      'Jeg hedder {H}, og jeg bor {P} med {N}.',
    ),  # fmt: skip
  ),
  'nb': dict(
    nouns=(
      'huset, en gammel bok, elva, katten, et eple, vinduet, broren min, skogen, en kopp kaffe, brua, læreren, '
      'bilen, en rød hatt, musikken, båten, hunden, et brev, kirken, brødet, månen, en sykkel, fuglen, '
      'familien, kjøkkenet, en paraply, avisen, suppa, veien, en nøkkel, barnet'
    ),
    verbs='ser, kjøper, finner, glemmer, maler, åpner, beskriver, selger, hører, trenger, elsker, velger',
    adjectives='vakker, veldig viktig, for langt borte, tung, stille, berømt, farlig, ny, dyr, umulig',
    places='i parken, ved havet, på taket, hjemme, bak døra, under bordet, på stasjonen',
    times='i dag, hver fredag, om kvelden, etter maten, neste uke, av og til, i februar',
    names='Maria, Bjørn, Sofie, Åse, Peter, Fredrik, Emma, Kjell',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {V} {H} {N}.',
      'Hvorfor er {N} så {A}?',
      'Vi ser {N}, {N} og {N} {T}.',
      'Det er {#} personer {P}, og ingen {V} {N}.',
      'Jeg heter {H}, og jeg bor {P} med {N}.',
    ),  # fmt: skip
  ),
  'fi': dict(
    nouns=(
      'talon, vanhan kirjan, joen, kissan, omenan, ikkunan, veljen, metsän, kahvikupin, sillan, opettajan, '
      'auton, punaisen hatun, musiikin, veneen, koiran, kirjeen, kirkon, leivän, kuun, polkupyörän, linnun, '
      'perheen, keittiön, sateenvarjon, sanomalehden, keiton, tien, avaimen, lapsen'
    ),
    verbs='näkee, ostaa, löytää, unohtaa, maalaa, avaa, kuvaa, myy, kuulee, tuo, valitsee, muistaa',
    adjectives=(
      'kaunis, hyvin tärkeä, liian kaukana, raskas, hiljainen, kuuluisa, vaarallinen, uusi, mahdoton, pieni'
    ),
    places='puistossa, meren rannalla, katolla, kotona, oven takana, pöydän alla, asemalla',
    times='tänään, joka perjantai, illalla, ruoan jälkeen, ensi viikolla, joskus, helmikuussa',
    names='Maria, Pekka, Sofia, Äiti, Pertti, Väinö, Emma, Yrjö',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Miksi {N} hinta on niin {A}?',
      'Minä löysin {N}, {N} ja {N} {T}.',
      'Täällä on {#} ihmistä, ja {H} {V} {N}.',
      'Minun nimeni on {H}, ja {H} {V} {N}.',
    ),  # fmt: skip
  ),
  'cs': dict(
    nouns=(
      'dům, starý most, stůl, hrad, chléb, čaj, dopis, obraz, stroj, klobouk, vlak, strom, les, měsíc, '
      'deštník, klíč, časopis, déšť, město, okno, jablko, auto, slovo, moře, kolo, divadlo, pero, ovoce, '
      'letadlo, zrcadlo'
    ),
    verbs=(
      'vidí, kupuje, hledá, maluje, otvírá, popisuje, prodává, slyší, potřebuje, vybírá, zapomíná, přináší'
    ),
    adjectives='krásné, velmi důležité, příliš daleko, těžké, tiché, slavné, nebezpečné, nové, drahé, možné',
    places='v parku, u moře, na střeše, doma, za dveřmi, pod stolem, na nádraží',
    times='dnes, každý pátek, večer, po obědě, příští týden, někdy, v únoru',
    names='Marie, Petr, Žofie, Jiří, Božena, Tomáš, Ema, Zdeněk',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Proč je {N} tak {A}?',
      'Vidíme {N}, {N} a {N} {T}.',
      'Je tady {#} lidí, a nikdo {V} {N}.',
      'Jmenuji se {H}, a tohle je {N}.',
    ),  # fmt: skip
  ),
  'hu': dict(
    nouns=(
      'a házat, a régi hidat, az asztalt, egy könyvet, a macskát, az ablakot, egy almát, a levelet, a kutyát, '
      'a hajót, a kenyeret, egy képet, a kulcsot, a zenét, az erdőt, a vonatot, egy kalapot, a gyűrűt, '
      'az újságot, a levest, a kertet, egy madarat, az esernyőt, a fát, a tükröt, a kávét, a várost, '
      'a zongorát, a folyót, a csészét'
    ),
    verbs='látja, veszi, keresi, festi, kinyitja, leírja, eladja, hallja, kéri, választja, elfelejti, hozza',
    adjectives='gyönyörű, nagyon fontos, túl messze, nehéz, csendes, híres, veszélyes, új, drága, lehetetlen',
    places='a parkban, a tengernél, a tetőn, otthon, az ajtó mögött, az asztal alatt, az állomáson',
    times='ma, minden pénteken, este, ebéd után, a jövő héten, néha, februárban',
    names='Mária, Péter, Zsófia, György, Borbála, Tamás, Emma, Ödön',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      '{H} {V} {N}, mert {A}.',
      '{T} {V} {N}, {N} és {N}.',
      'Itt van {#} ember, és {H} {V} {N}.',
      'A nevem {H}, és {P} {V} {N}.',
    ),  # fmt: skip
  ),
  'ro': dict(
    nouns=(
      'casa, podul vechi, o carte, pisica, un măr, fereastra, fratele meu, pădurea, o cafea, profesorul, '
      'mașina, o pălărie, muzica, barca, câinele, o scrisoare, biserica, pâinea, luna, o bicicletă, pasărea, '
      'familia, bucătăria, umbrela, ziarul, supa, drumul, o cheie, copilul, orașul'
    ),
    verbs='vede, cumpără, găsește, uită, pictează, deschide, descrie, vinde, aude, aduce, iubește, alege',
    adjectives=(
      'foarte frumos, important, prea departe, greu, liniștit, celebru, periculos, nou, scump, imposibil'
    ),
    places='în parc, la mare, pe acoperiș, acasă, după ușă, sub masă, la gară',
    times='astăzi, în fiecare vineri, seara, după masă, săptămâna viitoare, uneori, în februarie',
    names='Maria, Petre, Sofia, Ștefan, Bogdan, Toma, Ema, Mihai',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'De ce este {N} așa de {A}?',
      'Vedem {N}, {N} și {N} {T}.',
      'Sunt {#} oameni {P}, și nimeni nu {V} {N}.',
      'Mă numesc {H}, și aceasta este {N}.',
    ),  # fmt: skip
  ),
  'el': dict(
    nouns=(
      'το σπίτι, το παλιό βιβλίο, το ποτάμι, η γάτα, ένα μήλο, το παράθυρο, το δάσος, η γέφυρα, το αυτοκίνητο, '
      'το καπέλο, η μουσική, το καράβι, ένα γράμμα, η εκκλησία, το ψωμί, το φεγγάρι, το ποδήλατο, το πουλί, '
      'η οικογένεια, η κουζίνα, η ομπρέλα, η σούπα, ένα κλειδί, το παιδί, η θάλασσα, το τραπέζι, η πόλη, '
      'το τραγούδι, το γάλα, το πιάνο'
    ),
    verbs=(
      'βλέπει, αγοράζει, βρίσκει, ξεχνάει, ζωγραφίζει, ανοίγει, περιγράφει, πουλάει, ακούει, θέλει, φέρνει, '
      'διαλέγει'
    ),
    adjectives='όμορφο, πολύ σημαντικό, πολύ μακριά, βαρύ, ήσυχο, διάσημο, επικίνδυνο, νέο, ακριβό, αδύνατο',
    places=(
      'στο πάρκο, στη θάλασσα, στη στέγη, στο σπίτι, πίσω από την πόρτα, κάτω από το τραπέζι, στον σταθμό'
    ),
    times='σήμερα, κάθε Παρασκευή, το βράδυ, μετά το φαγητό, την άλλη εβδομάδα, μερικές φορές, τον Φεβρουάριο',
    names='Μαρία, Πέτρος, Σοφία, Γιώργος, Βασίλης, Θωμάς, Έμμα, Φωτεινή',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Γιατί {N} είναι τόσο {A};',
      '{T} {V} {N}, {N} και {N}.',
      'Εδώ είναι {#} άνθρωποι, και {H} {V} {N}.',
      'Με λένε {H}, και αυτό είναι {N}.',
    ),  # fmt: skip
  ),
  'uk': dict(
    nouns=(
      'будинок, старий міст, стіл, замок, хліб, чай, лист, малюнок, потяг, капелюх, ліс, місяць, парасоль, '
      'ключ, журнал, дощ, місто, вікно, яблуко, авто, слово, море, дзеркало, перо, озеро, сонце, молоко, '
      'пальто, фото, дерево'
    ),
    verbs='бачить, купує, шукає, малює, відчиняє, описує, продає, чує, вибирає, забуває, приносить, любить',
    adjectives='чудово, дуже важливо, надто далеко, важко, тихо, небезпечно, ново, дорого, можливо, весело',
    places='у парку, біля моря, на даху, вдома, за дверима, під столом, на вокзалі',
    times="сьогодні, щоп'ятниці, увечері, після обіду, наступного тижня, іноді, в лютому",
    names='Марія, Петро, Софія, Юрій, Богдан, Тарас, Емма, Павло',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Чому {N} це так {A}?',
      'Ми бачимо {N}, {N} і {N} {T}.',
      'Тут {#} людей, і ніхто не {V} {N}.',
      'Мене звати {H}, а це {N}.',
    ),  # fmt: skip
  ),
  'hr': dict(
    nouns=(
      'kuća, stari most, stol, dvorac, kruh, čaj, pismo, slika, vlak, šešir, šuma, mjesec, kišobran, ključ, '
      'novine, kiša, grad, prozor, jabuka, auto, riječ, more, bicikl, kazalište, voće, zrcalo, pas, mačka, '
      'ptica, brod'
    ),
    verbs='vidi, kupuje, traži, slika, otvara, opisuje, prodaje, čuje, treba, bira, zaboravlja, donosi',
    adjectives='lijepo, vrlo važno, predaleko, teško, tiho, slavno, opasno, novo, skupo, moguće',
    places='u parku, uz more, na krovu, kod kuće, iza vrata, ispod stola, na kolodvoru',
    times='danas, svakog petka, navečer, poslije ručka, idući tjedan, ponekad, u veljači',
    names='Marija, Petar, Sofija, Juraj, Božo, Toma, Ema, Ljiljana',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Zašto je {N} tako {A}?',
      'Ovdje su {N}, {N} i {N} {T}.',
      'Ima {#} ljudi {P}, i nitko {V} {N}.',
      'Zovem se {H}, a ovo je {N}.',
    ),  # fmt: skip
  ),
  'ca': dict(
    nouns=(
      'la casa, un llibre vell, el riu, el gat, una poma, la finestra, el meu germà, el bosc, un cafè, '
      "el pont, el mestre, el cotxe, un barret, la música, el vaixell, el gos, una carta, l'església, el pa, "
      "la lluna, una bicicleta, l'ocell, la família, la cuina, el paraigua, el diari, la sopa, el camí, "
      'una clau, el nen'
    ),
    verbs='veu, compra, troba, oblida, pinta, obre, descriu, ven, escolta, porta, estima, tria',
    adjectives='molt bonic, important, massa lluny, pesat, tranquil, famós, perillós, nou, car, impossible',
    places="al parc, vora el mar, a la teulada, a casa, darrere la porta, sota la taula, a l'estació",
    times='avui, cada divendres, al vespre, després de dinar, la setmana vinent, de vegades, al febrer',
    names='Maria, Pere, Sofia, Jordi, Bernat, Tomàs, Emma, Joan',
    templates=(
      '{H} {V} {N} {P}.',
      '{T}, {H} {V} {N}.',
      'Per què {N} és tan {A}?',
      'Veiem {N}, {N} i {N} {T}.',
      'Hi ha {#} persones {P}, i ningú no {V} {N}.',
      'Em dic {H}, i això és {N}.',
    ),  # fmt: skip
  ),
}
