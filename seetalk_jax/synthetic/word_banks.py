"""Word banks: words and sentence patterns of each language, as comma-separated lists.

Nouns include their article and have the same form as subject and object (in German only feminine and neuter
nouns, in Polish and Russian only masculine inanimate and neuter nouns). Verbs are transitive, third person
singular. Slots of the patterns: N noun, V verb, A adjective after "is", P place, T time, H name, # number.
"""

from __future__ import annotations

BANKS: dict[str, dict] = {
  'en': dict(
    nouns=(
      'the river, the old church, a bowl of soup, the young baker, my brother, the blue umbrella, '
      'a paper map, the village, the musician, a pair of shoes, the bridge, the mother, a box of apples, '
      'the teacher, the window, the fisherman, a jar of honey, the farm, the yellow bus, '
      'the power station, a cup of coffee, the movie, the doctor, a football, the vegetable garden, '
      'the judge, the photograph, a purple flower, the boat, the wolf, the piano, the morning paper, '
      'a small puppy, the famous poet, the oak tree, the treasure, the machine, a warm jumper, '
      'the kitchen, the whole family, a loaf of bread, the violin, the museum, the brave firefighter, '
      'a bag of potatoes, the castle, the moon, the thick fog'
    ),
    verbs=(
      'finds, remembers, watches, follows, describes, forgets, paints, brings back, improves, visits, '
      'knows, buys, measures, photographs, hears, wants, moves, loves, explains, covers, keeps, changes, '
      'repairs, joins'
    ),
    adjectives=(
      'beautiful, very far away, warm, broken, empty, famous, much too big, quiet, heavy, marvellous, '
      'bright, useful, rough, smooth, old-fashioned, available, more important than before, cheap, '
      'fresh, mysterious'
    ),
    places=(
      'in the park, at home, beside the lake, on the roof, near the station, behind the house, '
      'by the sea, at the market, above the valley, in front of the theatre, under the table, '
      'on the way to town'
    ),
    times=(
      'today, every Friday, in the afternoon, after the meeting, before breakfast, last summer, '
      'at midnight, from time to time, in February, for the first time, next week, just now'
    ),
    names=(
      'Mary, Bob, Peter, Sophie, Thomas, Barbara, George, Fiona, Paul, Vivian, Emma, William, Joan, Michael'
    ),
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      'Do you think that {N} is {A}?',
      '{T}, {H} {V} {N}.',
      'I believe {N} is {A}, but {H} {V} {N}.',
      'There are {#} people {P}, and nobody {V} {N}.',
      'Why is {N} so {A}?',
      'Well, {N} was {A} {T}.',
      'Please bring {N} to {H} {P}!',
      'It took {#} minutes, because {N} was {P}.',
      'Who {V} {N} {P}?',
      'My name is {H}, and I live with {N} {P}.',
      'We saw {N}, {N} and {N} {T}.',
      'Oh, how {A}! {H} {V} {N}.',
    ),  # fmt: skip
  ),
  'de': dict(
    nouns=(
      'die Brücke, das alte Haus, die Lampe, das Fenster, die Mutter, das Pferd, die Zeitung, das Buch, '
      'die Köchin, das Gemüse, die Straße, das Schiff, die Blume, das Mädchen, die Universität, '
      'das Wasser, die Kirche, das Brot, die Freundin, das Konzert, die Maschine, das Boot, die Familie, '
      'das Gewitter, die Geige, das Hemd, die Bäckerei, das Museum, die Pfanne, das Frühstück, '
      'die Ärztin, das Wörterbuch, die Burg, das Bild, die Wiese, das Paket, die Suppe, das Feuer, '
      'die Nachbarin, das Klavier, die Katze, das Gespräch'
    ),
    verbs=(
      'sucht, findet, beschreibt, öffnet, vergisst, verkauft, bewundert, braucht, malt, verändert, hört, '
      'kauft, besucht, fotografiert, erklärt, bringt, versteht, liebt, prüft, verbessert'
    ),
    adjectives=(
      'schön, ziemlich groß, zu teuer, müde, berühmt, völlig leer, warm, früher besser, gefährlich, '
      'möglich, süß, freundlich, nützlich, wunderbar, pünktlich, kaputt'
    ),
    places=(
      'im Garten, am Bahnhof, in der Küche, auf dem Dach, hinter dem Wald, vor der Tür, an der Küste, '
      'zu Hause, unter dem Tisch, im fünften Stock, bei den Großeltern'
    ),
    times=(
      'heute, jeden Freitag, am Abend, nach dem Essen, im Februar, vor zwölf Jahren, um Mitternacht, '
      'manchmal, nächste Woche, seit gestern, früh am Morgen'
    ),
    names='Anna, Peter, Jürgen, Sophie, Thomas, Ursula, Philipp, Maria, Wolfgang, Birgit, Moritz, Emma',
    templates=(
      '{N} ist {T} {A}.',
      '{H} {V} {N} {P}.',
      'Warum ist {N} so {A}?',
      '{T} {V} {H} {N}.',
      'Ich glaube, {N} ist {A}, aber {H} {V} {N}.',
      'Es gibt {#} Leute {P}, und niemand {V} {N}.',
      'Wer {V} {N} {P}?',
      'Bitte bringen Sie {N} {P}!',
      'Das dauert {#} Minuten, denn {N} ist {P}.',
      'Wir sehen {T} {N}, {N} und {N}.',
      'Ich heiße {H}, und {N} ist {A}.',
      '{N} {V} {N} {P}.',
    ),  # fmt: skip
  ),
  'fr': dict(
    nouns=(
      'la rivière, le vieux pont, une pomme verte, la voisine, le boulanger, la fenêtre, '
      'un chapeau bleu, la musique, le jardin, la petite fille, un bateau, le professeur, la montagne, '
      'le chien, une chanson, la famille, le bureau, la voiture rouge, un oiseau, le médecin, la lune, '
      'le fromage, une lettre, le musée, la plage, un grand arbre, le peintre, la soupe, le roman, '
      'une bouteille, le village, la photographe, un parapluie, le feu, la cuisine, le piano, '
      'une promenade, le mouton, la forêt, un gâteau au beurre, le pêcheur, la ville'
    ),
    verbs=(
      'trouve, regarde, oublie, achète, apporte, comprend, aime, décrit, prépare, vend, écoute, '
      'photographie, change, mange, visite, ouvre, choisit, répare, perd, attend'
    ),
    adjectives=(
      'magnifique, trop loin, fatigué, vide, célèbre, dangereux, tranquille, très utile, jaune, fragile, '
      'meilleur, impossible, doux, humide, bien connu'
    ),
    places=(
      'dans le jardin, à la gare, au bord de la mer, chez moi, sous la table, derrière la maison, '
      'au marché, près du fleuve, sur le toit, en face du théâtre'
    ),
    times=(
      "aujourd'hui, chaque vendredi, le soir, après le dîner, en février, la semaine prochaine, "
      'à minuit, de temps en temps, hier matin, pour la première fois'
    ),
    names=(
      'Marie, Pierre, Sophie, Paul, Benoît, Émilie, Philippe, Juliette, Bernard, Fabienne, Thomas, Louise'
    ),
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      'Pourquoi est-ce que {H} {V} {N}?',
      '{T}, {H} {V} {N}.',
      "Je crois que {N}, c'est {A}, mais {H} {V} {N}.",
      'Il y a {#} personnes {P}, et personne ne {V} {N}.',
      'Qui {V} {N} {P}?',
      "C'est {A}! {H} {V} {N} {P}.",
      'Il faut {#} minutes pour voir {N} {P}.',
      'Nous voyons {N}, {N} et {N} {T}.',
      "Je m'appelle {H}, et voici {N}.",
    ),  # fmt: skip
  ),
  'es': dict(
    nouns=(
      'el río, la vieja iglesia, un vaso de agua, la vecina, el panadero, la ventana, un sombrero, '
      'la música, el jardín, la niña, un barco, el profesor, la montaña, el perro, una canción, '
      'la familia, el puente, la bicicleta, un pájaro, el médico, la luna, el queso, una carta, '
      'el museo, la playa, un árbol viejo, el pintor, la sopa, el periódico, una botella, el pueblo, '
      'la fotografía, un paraguas, el fuego, la cocina, el piano, una fiesta, el caballo, la selva, '
      'un pastel, el pescador, la ciudad'
    ),
    verbs=(
      'encuentra, mira, olvida, compra, trae, comprende, ama, describe, prepara, vende, escucha, busca, '
      'cambia, come, visita, abre, elige, repara, pierde, necesita'
    ),
    adjectives=(
      'muy importante, demasiado lejos, famoso, verde, imposible, peligroso, tranquilo, mejor que antes, '
      'amable, frágil, gigante, nuevo, barato, bueno, bonito'
    ),
    places=(
      'en el jardín, en la estación, junto al mar, en mi casa, debajo de la mesa, detrás de la puerta, '
      'en el mercado, cerca del bosque, sobre el techo, frente al teatro'
    ),
    times=(
      'hoy, cada viernes, por la noche, después de comer, en febrero, la semana próxima, a medianoche, '
      'a veces, ayer por la mañana, por primera vez'
    ),
    names='María, Pedro, Sofía, Pablo, Beatriz, Felipe, Julia, Bernardo, Fabiola, Tomás, Luisa, Miguel',
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      '¿Por qué {H} {V} {N}?',
      '{T}, {H} {V} {N}.',
      'Creo que {N} es {A}, pero {H} {V} {N}.',
      'Hay {#} personas {P}, y nadie {V} {N}.',
      '¿Quién {V} {N} {P}?',
      '¡Qué {A}! {H} {V} {N} {P}.',
      'Faltan {#} minutos para ver {N} {P}.',
      'Vemos {N}, {N} y {N} {T}.',
      'Me llamo {H}, y {N} está {P}.',
    ),  # fmt: skip
  ),
  'it': dict(
    nouns=(
      'il fiume, la vecchia chiesa, un bicchiere, la vicina, il panettiere, la finestra, un cappello, '
      'la musica, il giardino, la bambina, una barca, il professore, la montagna, il cane, una canzone, '
      'la famiglia, il ponte, la bicicletta, un uccello, il medico, la luna, il formaggio, una lettera, '
      'il museo, la spiaggia, un albero, il pittore, la zuppa, il giornale, una bottiglia, il paese, '
      'la fotografia, un ombrello, il fuoco, la cucina, il pianoforte, una festa, il cavallo, '
      'la foresta, un gelato, il pescatore, la città'
    ),
    verbs=(
      'trova, guarda, dimentica, compra, porta, capisce, ama, descrive, prepara, vende, ascolta, cerca, '
      'cambia, mangia, visita, apre, sceglie, ripara, perde, aspetta'
    ),
    adjectives=(
      'molto importante, troppo lontano, famoso, verde, impossibile, pericoloso, tranquillo, '
      'meraviglioso, gentile, fragile, enorme, nuovo, buono, bello, umido'
    ),
    places=(
      'in giardino, alla stazione, vicino al mare, a casa mia, sotto il tavolo, dietro la porta, '
      'al mercato, nel bosco, sul tetto, davanti al teatro'
    ),
    times=(
      'oggi, ogni venerdì, di sera, dopo pranzo, a febbraio, la settimana prossima, a mezzanotte, '
      'ogni tanto, ieri mattina, per la prima volta'
    ),
    names=(
      'Maria, Pietro, Sofia, Paolo, Beatrice, Filippo, Giulia, Bernardo, Fabio, Tommaso, Luisa, Michele'
    ),
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      'Perché {H} {V} {N}?',
      '{T}, {H} {V} {N}.',
      'Credo che {N} sia {A}, ma {H} {V} {N}.',
      'Ci sono {#} persone {P}, e nessuno {V} {N}.',
      'Chi {V} {N} {P}?',
      'Che {A}! {H} {V} {N} {P}.',
      'Mancano {#} minuti per vedere {N} {P}.',
      'Vediamo {N}, {N} e {N} {T}.',
      'Mi chiamo {H}, e {N} è {P}.',
    ),  # fmt: skip
  ),
  'pt': dict(
    nouns=(
      'o rio, a velha igreja, um copo de água, a vizinha, o padeiro, a janela, um chapéu, a música, '
      'o jardim, a menina, um barco, o professor, a montanha, o cão, uma canção, a família, a ponte, '
      'a bicicleta, um pássaro, o médico, a lua, o queijo, uma carta, o museu, a praia, uma árvore, '
      'o pintor, a sopa, o jornal, uma garrafa, a aldeia, a fotografia, um guarda-chuva, o fogo, '
      'a cozinha, o piano, uma festa, o cavalo, a floresta, um bolo, o pescador, a cidade'
    ),
    verbs=(
      'encontra, olha, esquece, compra, traz, compreende, ama, descreve, prepara, vende, escuta, '
      'procura, muda, come, visita, abre, escolhe, conserta, perde, espera'
    ),
    adjectives=(
      'muito importante, longe demais, famoso, verde, impossível, perigoso, tranquilo, maravilhoso, '
      'gentil, frágil, enorme, novo, bom, bonito, melhor'
    ),
    places=(
      'no jardim, na estação, à beira-mar, em minha casa, debaixo da mesa, atrás da porta, no mercado, '
      'perto do bosque, no telhado, em frente ao teatro'
    ),
    times=(
      'hoje, toda sexta-feira, à noite, depois do almoço, em fevereiro, na próxima semana, à meia-noite, '
      'às vezes, ontem de manhã, pela primeira vez'
    ),
    names='Maria, Pedro, Sofia, Paulo, Beatriz, Filipe, Júlia, Bernardo, Fábio, Tomás, Luísa, Miguel',
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      'Por que {H} {V} {N}?',
      '{T}, {H} {V} {N}.',
      'Acho que {N} é {A}, mas {H} {V} {N}.',
      'Há {#} pessoas {P}, e ninguém {V} {N}.',
      'Quem {V} {N} {P}?',
      'Que {A}! {H} {V} {N} {P}.',
      'Faltam {#} minutos para ver {N} {P}.',
      'Vemos {N}, {N} e {N} {T}.',
      'Meu nome é {H}, e {N} está {P}.',
    ),  # fmt: skip
  ),
  'nl': dict(
    nouns=(
      'de rivier, de oude kerk, een glas water, de buurvrouw, de bakker, het raam, een blauwe hoed, '
      'de muziek, de tuin, het meisje, een boot, de leraar, de berg, de hond, een liedje, het gezin, '
      'de brug, de fiets, een vogel, de dokter, de maan, de kaas, een brief, het museum, het strand, '
      'een boom, de schilder, de soep, de krant, een fles, het dorp, de foto, een paraplu, het vuur, '
      'de keuken, de piano, een feest, het paard, het bos, een appeltaart, de visser, de stad'
    ),
    verbs=(
      'vindt, bekijkt, vergeet, koopt, brengt, begrijpt, bewondert, beschrijft, verkoopt, hoort, zoekt, '
      'verandert, bezoekt, opent, kiest, verliest, schildert, gebruikt'
    ),
    adjectives=(
      'heel belangrijk, te ver weg, beroemd, groen, onmogelijk, gevaarlijk, rustig, prachtig, '
      'vriendelijk, breekbaar, nieuw, goed, mooi, leeg, duur'
    ),
    places=(
      'in de tuin, op het station, aan zee, bij mij thuis, onder de tafel, achter de deur, op de markt, '
      'dicht bij het bos, op het dak, voor de schouwburg'
    ),
    times=(
      'vandaag, elke vrijdag, in de avond, na het eten, in februari, volgende week, om middernacht, '
      'af en toe, gisteren, voor de eerste keer'
    ),
    names='Maria, Pieter, Sofie, Paul, Willem, Femke, Joost, Bram, Fleur, Thomas, Loes, Mees',
    templates=(
      '{N} {V} {N} {T}.',
      '{H} {V} {N} {P}.',
      'Waarom is {N} zo {A}?',
      '{T} {V} {H} {N}.',
      'Ik denk dat {N} {A} is, maar {H} {V} {N}.',
      'Er zijn {#} mensen {P}, en niemand {V} {N}.',
      'Wie {V} {N} {P}?',
      'Het duurt {#} minuten, want {N} is {P}.',
      'We zien {N}, {N} en {N} {T}.',
      'Ik heet {H}, en {N} is {A}.',
    ),  # fmt: skip
  ),
  'pl': dict(
    nouns=(
      'dom, stary most, jabłko, zamek, morze, samochód, okno, chleb, drzewo, telefon, zdjęcie, ogród, '
      'pudełko, kapelusz, pióro, płaszcz, śniadanie, rower, światło, wiersz, piwo, parasol, lustro, '
      'pociąg, masło, obraz, jezioro, list, biuro, garnek, mięso, statek, krzesło, zegar, futro, tort, '
      'muzeum, klucz, radio, fortepian, pole, bilet'
    ),
    verbs=(
      'widzi, kupuje, maluje, opisuje, sprzedaje, otwiera, pamięta, lubi, znajduje, naprawia, zmienia, '
      'przynosi, fotografuje, wybiera, poprawia, bierze'
    ),
    adjectives=(
      'bardzo ważne, za daleko, piękne, zielone, niemożliwe, ciężkie, ciepłe, puste, sławne, potrzebne, '
      'nowe, dobre, miękkie, głębokie'
    ),
    places=(
      'w ogrodzie, na dworcu, nad morzem, w domu, pod stołem, za drzwiami, na rynku, obok lasu, '
      'na dachu, przed teatrem, w szkole'
    ),
    times=(
      'dzisiaj, w każdy piątek, wieczorem, po obiedzie, w lutym, w przyszłym tygodniu, o północy, '
      'czasami, wczoraj rano, po raz pierwszy'
    ),
    names='Maria, Piotr, Zofia, Paweł, Wojciech, Barbara, Filip, Beata, Małgorzata, Tomasz, Ewa, Michał',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Dlaczego {H} {V} {N}?',
      'Myślę, że to {A}, ale {H} {V} {N}.',
      'Jest {#} osób {P}, i nikt nie {V} {N}.',
      'Kto {V} {N} {P}?',
      'Jakie to {A}! {H} {V} {N} {P}.',
      'To trwa {#} minut, a {H} {V} {N}.',
      'Widzimy {N}, {N} i {N} {T}.',
      'Nazywam się {H}, i mam {N}.',
    ),  # fmt: skip
  ),
  'ru': dict(
    nouns=(
      'дом, старый мост, яблоко, замок, море, автомобиль, окно, хлеб, дерево, телефон, письмо, сад, '
      'пальто, пирог, перо, журнал, молоко, велосипед, зеркало, билет, пиво, зонт, мясо, поезд, масло, '
      'портрет, озеро, стол, здание, суп, поле, корабль, кресло, фильм, радио, ключ'
    ),
    verbs=(
      'видит, покупает, рисует, описывает, продаёт, открывает, помнит, любит, находит, меняет, приносит, '
      'фотографирует, выбирает, забывает, берёт'
    ),
    adjectives=(
      'очень важно, слишком далеко, красиво, невозможно, тяжело, тепло, полезно, хорошо, удивительно, шумно'
    ),
    places=(
      'в саду, на вокзале, у моря, дома, под столом, за дверью, на рынке, возле леса, на крыше, перед театром'
    ),
    times=(
      'сегодня, каждую пятницу, вечером, после обеда, в феврале, на следующей неделе, в полночь, иногда, '
      'вчера'
    ),
    names='Мария, Пётр, София, Павел, Владимир, Вера, Филипп, Борис, Юлия, Михаил, Людмила, Фёдор',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Почему {H} {V} {N}?',
      'Я думаю, это {A}, но {H} {V} {N}.',
      'Здесь {#} человек, и {H} {V} {N}.',
      'Кто {V} {N} {P}?',
      'Как {A}! {H} {V} {N} {P}.',
      'Мы видим {N}, {N} и {N} {T}.',
      'Меня зовут {H}, и у меня есть {N}.',
    ),  # fmt: skip
  ),
  'tr': dict(
    nouns=(
      'evi, eski köprüyü, elmayı, kitabı, denizi, arabayı, pencereyi, ekmeği, ağacı, telefonu, mektubu, '
      'bahçeyi, kutuyu, şapkayı, kalemi, çorbayı, gazeteyi, bisikleti, aynayı, bileti, sütü, şemsiyeyi, '
      'eti, treni, tereyağını, resmi, gölü, masayı, binayı, çiçeği, tarlayı, gemiyi, sandalyeyi, filmi, '
      'radyoyu, anahtarı'
    ),
    verbs=(
      'görüyor, alıyor, çiziyor, anlatıyor, satıyor, açıyor, hatırlıyor, seviyor, buluyor, değiştiriyor, '
      'getiriyor, seçiyor, unutuyor, bekliyor, topluyor'
    ),
    adjectives=('çok önemli, çok uzak, güzel, yeşil, imkânsız, ağır, sıcak, boş, ünlü, gerekli, yeni, büyük'),
    places=(
      'bahçede, istasyonda, deniz kenarında, evde, masanın altında, kapının arkasında, pazarda, çatıda, '
      'okulda'
    ),
    times=(
      'bugün, her cuma, akşamları, yemekten sonra, şubatta, gelecek hafta, gece yarısı, bazen, dün sabah'
    ),
    names='Ayşe, Mehmet, Fatma, Mustafa, Emine, Burak, Pınar, Okan, Filiz, Murat, Zeynep, Ömer',
    templates=(
      '{H} {P} {N} {V}.',
      '{T} {H} {N} {V}.',
      '{H} neden {N} {V}?',
      'Bence bu {A}, ama {H} {N} {V}.',
      'Burada {#} kişi var, ve {H} {N} {V}.',
      'Kim {P} {N} {V}?',
      'Ne kadar {A}! {H} {N} {V}.',
      'Benim adım {H}, {T} {N} gördüm.',
    ),  # fmt: skip
  ),
  'cmn': dict(
    nouns=(
      '房子, 苹果, 老朋友, 这本书, 大海, 汽车, 窗户, 面包, 那棵树, 手机, 一封信, 花园, 盒子, 帽子, 毛笔, '
      '牛肉面, 报纸, 自行车, 镜子, 火车票, 牛奶, 雨伞, 医生, 图书馆, 音乐, 照片, 湖水, 桌子, 博物馆, '
      '小狗, 田地, 飞机, 椅子, 电影, 收音机, 钥匙'
    ),
    verbs='看见, 买, 画, 描写, 卖, 打开, 记得, 喜欢, 找到, 需要, 带来, 选择, 忘记, 拍摄, 发现',
    adjectives='很重要, 非常漂亮, 太远, 不可能, 很重, 特别热, 很有名, 更便宜, 很危险, 真好',
    places='在公园里, 在火车站, 在海边, 在家里, 在桌子下面, 在门后面, 在市场上, 在学校, 在北京',
    times='今天, 每个星期五, 晚上, 吃饭以后, 二月份, 下个星期, 半夜, 有时候, 昨天早上',
    names='小明, 王芳, 李伟, 张敏, 刘波, 陈静, 马丽, 赵普, 孙飞, 周梅, 吴昊, 冯宝',
    templates=(
      '{H}{P}{V}{N}。',
      '{T},{H}{V}{N}。',
      '为什么{H}{V}{N}?',
      '我觉得{N}{A},但是{H}{V}{N}。',
      '这里有{#}个人,{H}{V}{N}。',
      '谁{P}{V}{N}?',
      '我叫{H},我{V}{N}。',
      '我们{T}看见{N},{N}和{N}。',
    ),  # fmt: skip
  ),
}
