"""Word banks of further languages for the human world: common words and sentence patterns, written for this library.

Same slots as `word_banks`: N noun, V verb, A adjective, P place, T time, H name, # number. The patterns are
short, because endings that change with the case are left out: the sound matters, not the grammar. Japanese
has no kanji, and its particles are spelled as they sound, for the synthesizer.
"""

from __future__ import annotations

MORE_BANKS: dict[str, dict] = {
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
  'id': dict(
    nouns=(
      'rumah, buku lama, sungai, kucing, sebuah apel, jendela, kakak saya, hutan, secangkir kopi, jembatan, '
      'guru, mobil, topi merah, musik, perahu, anjing, sepucuk surat, gereja, roti, bulan, sepeda, burung, '
      'keluarga, dapur, payung, koran, sup ayam, jalan, kunci, anak kecil'
    ),
    verbs=(
      'melihat, membeli, mencari, melupakan, melukis, membuka, menjual, mendengar, memerlukan, memilih, '
      'membawa, memperbaiki'
    ),
    adjectives=(
      'indah, sangat penting, terlalu jauh, berat, tenang, terkenal, berbahaya, baru, mahal, mustahil'
    ),
    places='di taman, di tepi laut, di atap, di rumah, di belakang pintu, di bawah meja, di stasiun',
    times='hari ini, setiap Jumat, malam hari, setelah makan, minggu depan, kadang-kadang, bulan Februari',
    names='Maria, Budi, Sofia, Putri, Bambang, Wayan, Ema, Joko',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Mengapa {N} itu {A}?',
      'Kami melihat {N}, {N} dan {N} {T}.',
      'Ada {#} orang {P}, dan {H} {V} {N}.',
      'Nama saya {H}, dan ini {N}.',
    ),  # fmt: skip
  ),
  'sw': dict(
    nouns=(
      'nyumba, kitabu, mto, paka, tunda, dirisha, ndugu yangu, msitu, kahawa, daraja, mwalimu, gari, kofia, '
      'muziki, mashua, mbwa, barua, kanisa, mkate, mwezi, baiskeli, ndege, familia, jiko, mwavuli, gazeti, '
      'supu, barabara, ufunguo, mtoto'
    ),
    verbs=(
      'anaona, ananunua, anatafuta, anasahau, anachora, anafungua, anauza, anasikia, anahitaji, anachagua, '
      'analeta, anapenda'
    ),
    adjectives='nzuri sana, muhimu, mbali mno, nzito, kimya, maarufu, hatari, mpya, ghali, vigumu',
    places='shambani, baharini, juu ya paa, nyumbani, nyuma ya mlango, chini ya meza, kituoni',
    times='leo, kila Ijumaa, jioni, baada ya chakula, wiki ijayo, mara nyingine, mwezi wa pili',
    names='Maria, Juma, Sofia, Fatuma, Baraka, Wanjiku, Ema, Petro',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Kwa nini {N} ni {A}?',
      '{T} {V} {N}, {N} na {N}.',
      'Kuna watu {#} {P}, na {H} {V} {N}.',
      'Jina langu ni {H}, na hii ni {N}.',
    ),  # fmt: skip
  ),
  'vi': dict(
    nouns=(
      'ngôi nhà, quyển sách cũ, dòng sông, con mèo, quả táo, cửa sổ, anh trai tôi, khu rừng, ly cà phê, '
      'cây cầu, thầy giáo, chiếc xe, cái mũ đỏ, bản nhạc, con thuyền, con chó, lá thư, nhà thờ, bánh mì, '
      'mặt trăng, xe đạp, con chim, gia đình, nhà bếp, cái ô, tờ báo, bát phở, con đường, chìa khóa, em bé'
    ),
    verbs='nhìn thấy, mua, tìm, quên, vẽ, mở, bán, nghe, cần, chọn, mang, thích',
    adjectives='rất đẹp, quan trọng, quá xa, nặng, yên tĩnh, nổi tiếng, nguy hiểm, mới, đắt, khó',
    places='trong công viên, bên bờ biển, trên mái nhà, ở nhà, sau cánh cửa, dưới bàn, ở nhà ga',
    times='hôm nay, mỗi thứ sáu, buổi tối, sau bữa ăn, tuần sau, đôi khi, vào tháng hai',
    names='Mai, Bình, Phương, Hùng, Vân, Minh, Thảo, Phúc',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Tại sao {N} lại {A}?',
      'Chúng tôi thấy {N}, {N} và {N} {T}.',
      'Có {#} người {P}, và {H} {V} {N}.',
      'Tôi tên là {H}, và đây là {N}.',
    ),  # fmt: skip
  ),
  'ja': dict(
    nouns=(
      'いえ, ふるいほん, かわ, ねこ, りんご, まど, ともだち, もり, コーヒー, はし, せんせい, くるま, '
      'あかいぼうし, おんがく, ふね, いぬ, てがみ, パン, つき, じてんしゃ, とり, かぞく, だいどころ, かさ, '
      'しんぶん, スープ, みち, かぎ, こども, ピアノ'
    ),
    verbs=(
      'みます, かいます, さがします, わすれます, かきます, あけます, うります, ききます, えらびます, '
      'もってきます, すきです, なおします'
    ),
    adjectives=(
      'きれい, とてもたいせつ, とおすぎ, おもい, しずか, ゆうめい, あぶない, あたらしい, たかい, むずかしい'
    ),
    places='こうえんで, うみで, やねのうえで, うちで, ドアのうしろで, つくえのしたで, えきで',
    times='きょう, まいしゅうきんようび, よる, ごはんのあとで, らいしゅう, ときどき, にがつに',
    names='まりこ, けんじ, さくら, ゆうた, ひろみ, たろう, えみ, しょうへい',
    templates=(
      '{H}わ {P} {N}を {V}。',
      '{T} {H}わ {N}を {V}。',
      'どうして {N}わ そんなに {A}ですか?',
      'わたしたちわ {T} {N}と {N}と {N}を みました。',
      'わたしわ {H}です。 これわ {N}です。',
    ),  # fmt: skip
  ),
  'ko': dict(
    nouns=(
      '집, 오래된 책, 강, 고양이, 사과, 창문, 우리 형, 숲, 커피, 다리, 선생님, 자동차, 빨간 모자, 음악, 배, '
      '강아지, 편지, 빵, 달, 자전거, 새, 가족, 부엌, 우산, 신문, 국, 길, 열쇠, 아이, 피아노'
    ),
    verbs=(
      '봅니다, 삽니다, 찾습니다, 잊습니다, 그립니다, 엽니다, 팝니다, 듣습니다, 고릅니다, 가져옵니다, '
      '좋아합니다, 고칩니다'
    ),
    adjectives='아름답습니까, 중요합니까, 멉니까, 무겁습니까, 조용합니까, 유명합니까, 위험합니까, 비쌉니까',
    places='공원에서, 바다에서, 지붕 위에서, 집에서, 문 뒤에서, 책상 밑에서, 역에서',
    times='오늘, 금요일마다, 저녁에, 식사 후에, 다음 주에, 가끔, 이월에',
    names='민수, 지영, 수빈, 현우, 보라, 태호, 은미, 동현',
    templates=(
      '{H} 씨는 {P} {N} 하나를 {V}.',
      '{T} {H} 씨는 {N} 도 {V}.',
      '왜 {N} 그렇게 {A}?',
      '우리는 {T} {N}, {N}, 그리고 {N} 도 봅니다.',
      '제 이름은 {H}, 이것은 {N} 입니다.',
    ),  # fmt: skip
  ),
  'hi': dict(
    nouns=(
      'घर, पुरानी किताब, नदी, बिल्ली, सेब, खिड़की, मेरा भाई, जंगल, चाय, पुल, अध्यापक, गाड़ी, लाल टोपी, संगीत, नाव, '
      'कुत्ता, चिट्ठी, मंदिर, रोटी, चाँद, साइकिल, चिड़िया, परिवार, रसोई, छाता, अख़बार, फूल, रास्ता, चाबी, बच्चा'
    ),
    verbs=(
      'देखता है, खरीदता है, ढूँढता है, भूलता है, बनाता है, खोलता है, बेचता है, सुनता है, चाहता है, चुनता है, लाता है, पढ़ता है'
    ),
    adjectives='सुंदर, बहुत ज़रूरी, बहुत दूर, भारी, शांत, मशहूर, ख़तरनाक, नया, महँगा, मुश्किल',
    places='बाग़ में, समुद्र के पास, छत पर, घर पर, दरवाज़े के पीछे, मेज़ के नीचे, स्टेशन पर',
    times='आज, हर शुक्रवार, शाम को, खाने के बाद, अगले हफ़्ते, कभी कभी, फ़रवरी में',
    names='मोहन, प्रिया, सोनू, विजय, भावना, राम, फ़ातिमा, पवन',
    templates=(
      '{H} {P} {N} {V}।',
      '{T} {H} {N} {V}।',
      '{N} इतना {A} क्यों है?',
      'हम {T} {N}, {N} और {N} देखते हैं।',
      'यहाँ {#} लोग हैं, और {H} {N} {V}।',
      'मेरा नाम {H} है, और यह {N} है।',
    ),  # fmt: skip
  ),
  'ar': dict(
    nouns=(
      'البَيت, الكِتاب, النَهر, القِطَّة, التُفّاحة, الشُبّاك, الغابة, القَهوة, الجِسر, المُعَلِّم, السَيّارة, القُبَّعة, الموسيقى, '
      'القارِب, الكَلب, الرِسالة, المَدينة, الخُبز, القَمَر, الدَرّاجة, الطائِر, العائِلة, المَطبَخ, المِظَلَّة, الجَريدة, '
      'الشاي, الطَريق, المِفتاح, الوَلَد, البَحر'
    ),
    verbs='يَرى, يَشتَري, يَجِد, يَنسى, يَرسُم, يَفتَح, يَصِف, يَبيع, يَسمَع, يُريد, يَختار, يُحِبّ',
    adjectives='جَميل, مُهِمّ جِدّاً, بَعيد, ثَقيل, هادِئ, مَشهور, خَطير, جَديد, غالي, مُمكِن',
    places='في الحَديقة, عَلى البَحر, فَوق السَطح, في البَيت, خَلف الباب, تَحت الطاوِلة, في المَحَطَّة',
    times='اليَوم, كُلَّ جُمعة, في المَساء, بَعد الأَكل, الأُسبوع القادِم, أَحياناً, في فِبرايِر',
    names='مَريم, بَسّام, صوفيا, يوسُف, فاطِمة, مُحَمَّد, إيمان, ثامِر',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {V} {H} {N}.',
      'لِماذا {N} {A}؟',
      'نَحنُ نَرى {N} و {N} و {N} {T}.',
      'هُنا {#} ناس, و {H} {V} {N}.',
      'اِسمي {H}, وهذا هُوَ {N}.',
    ),  # fmt: skip
  ),
  'ta': dict(
    nouns=(
      'வீடு, பழைய புத்தகம், ஆறு, பூனை, ஆப்பிள், ஜன்னல், என் தம்பி, காடு, காபி, பாலம், ஆசிரியர், வண்டி, தொப்பி, இசை, படகு, '
      'நாய், கடிதம், கோயில், ரொட்டி, நிலா, மிதிவண்டி, பறவை, குடும்பம், சமையலறை, குடை, செய்தித்தாள், பூ, பாதை, சாவி, '
      'குழந்தை'
    ),
    verbs=(
      'பார்க்கிறார், வாங்குகிறார், தேடுகிறார், மறக்கிறார், வரைகிறார், திறக்கிறார், விற்கிறார், கேட்கிறார், எடுக்கிறார், விரும்புகிறார்'
    ),
    adjectives='அழகு, மிக முக்கியம், மிகவும் தூரம், கனம், அமைதி, புகழ், ஆபத்து, புதிது',
    places='பூங்காவில், கடலில், கூரையில், வீட்டில், கதவின் பின்னால், மேசையின் கீழ், நிலையத்தில்',
    times='இன்று, ஒவ்வொரு வெள்ளி, மாலையில், சாப்பிட்ட பிறகு, அடுத்த வாரம், சில நேரம்',
    names='மாலா, பாலு, சோபியா, முருகன், வள்ளி, குமார், பிரியா, ரவி',
    templates=(
      '{H} {P} {N} {V}.',
      '{T} {H} {N} {V}.',
      'ஏன் {N} இவ்வளவு {A}?',
      'நாங்கள் {T} {N}, {N}, {N} பார்த்தோம்.',
      'என் பெயர் {H}, இது {N}.',
    ),  # fmt: skip
  ),
  'fa': dict(
    nouns=(
      'خانه, کتاب, رودخانه, گربه, سیب, پنجره, برادر, جنگل, قهوه, پل, معلم, ماشین, کلاه, موسیقی, قایق, سگ, '
      'نامه, شهر, نان, ماه, دوچرخه, پرنده, خانواده, آشپزخانه, چتر, روزنامه, سوپ, راه, کلید, بچه'
    ),
    verbs=(
      'می\u200cبیند, می\u200cخرد, می\u200cجوید, می\u200cکشد, می\u200cفروشد, می\u200cشنود, می\u200cخواهد, '
      'می\u200cآورد, می\u200cخواند, می\u200cسازد'
    ),
    adjectives='زیبا, بسیار مهم, خیلی دور, سنگین, آرام, مشهور, خطرناک, تازه, گران, ممکن',
    places='در پارک, کنار دریا, روی بام, در خانه, پشت در, زیر میز, در ایستگاه',
    times='امروز, هر جمعه, شب, بعد از غذا, هفته آینده, گاهی',
    names='مریم, بابک, سوفیا, فرهاد, پروین, محمد, ژاله, واحد',
    templates=(
      '{H} {P} {N} را {V}.',
      '{T} {H} {N} را {V}.',
      'چرا {N} {A} است?',
      'ما {T} {N}, {N} و {N} را دیدیم.',
      'نام من {H} است, و این {N} است.',
    ),  # fmt: skip
  ),
}
