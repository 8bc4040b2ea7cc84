"""Names of the videos of HDTF, for tests of its speakers and splits.

Source: the lists `HDTF_dataset/*_video_url.txt` of https://github.com/MRzzm/HDTF (CC BY 4.0), by Zhimeng Zhang,
Lincheng Li, Yu Ding and Changjie Fan.
"""

WDA = """
  AdamSchiff AdamSmith AlexandriaOcasioCortez AmyKlobuchar0 AmyKlobuchar1 AndyKim AndyLevin AnnieKuster
  BarackObama BarbaraLee0 BarbaraLee1 BenCardin0 BenCardin1 BenRayLujn BennieThompson BennieThompson1
  BernieSanders BettyMcCollum BillPascrell BillRichardson BobCasey0 BobCasey1 BobMenendez BobbyScott
  BradSchneider BrendaLawrence BrianSchatz0 BrianSchatz1 BrianSchatz2 ByronDorgan0 ByronDorgan1
  CarolynMaloney1 CatherineCortezMasto CedricRichmond ChrisCoons ChrisCoons1 ChrisMurphy0 ChrisMurphy1
  ChrisVanHollen0 ChrisVanHollen1 ChuckSchumer0 ChuckSchumer1 ColinAllred DanKildee DanKildee1
  DavidCicilline DeanPhillips DebHaaland DebbieDingell0 DebbieDingell1 DebbieStabenow0 DebbieStabenow1
  DebbieWassermanSchultz DianaDeGette0 DianaDeGette1 DianneFeinstein DickDurbin DonaldMcEachin
  DonnaShalala0 DonnaShalala1 DougJones EdMarkey0 EdMarkey1 ElijahCummings EliotEngel EmanuelCleaver
  EricSwalwell FrankPallone0 FrankPallone1 GerryConnolly HakeemJeffries HaleyStevens HenryWaxman
  HillaryClinton JackReed0 JackReed1 JackieSpeier JackyRosen JackyRosen1 JamesClyburn JamesClyburn1
  JanSchakowsky0 JanSchakowsky1 JeanneShaheen0 JeanneShaheen1 JeffMerkley0 JeffMerkley1 JerryNadler
  JimHimes JimMcGovern JimMcGovern1 JimmyGomez JoaquinCastro JoeCrowley0 JoeCrowley1 JoeDonnelly
  JoeKennedy JoeManchin JoeNeguse JohnLewis0 JohnLewis1 JohnSarbanes0 JohnSarbanes1 JohnYarmuth
  JohnYarmuth1 JonTester0 JonTester1 KarenBass KatherineClark KathyCastor KathyCastor1 KatieHill
  KimSchrier KirstenGillibrand LaurenUnderwood LindaSnchez LisaBluntRochester LloydDoggett0 LloydDoggett1
  LucilleRoybal-Allard LucyMcBath MaggieHassan MarciaFudge MarkWarner MarkWarner1 MarkWarner2
  MartinHeinrich MattCartwright MazieHirono0 MazieHirono1 MichaelBennet MichelleLujanGrisham MichelleObama
  MikeDoyle MikeThompson0 MikeThompson1 NancyPelosi0 NancyPelosi1 NancyPelosi3 NitaLowey NydiaVelzquez
  PatrickLeahy0 PatrickLeahy1 PattyMurray0 PattyMurray1 PeterDeFazio RaulRuiz RichardBlumenthal
  RichardNeal0 RichardNeal1 RobinKelly RonWyden0 RonWyden1 ScottPeters0 ScottPeters1 SeanCasten
  SeanPatrickMaloney SheldonWhitehouse0 SheldonWhitehouse1 SherrodBrown0 SherrodBrown1 StenyHoyer
  StephanieMurphy SuzanDelBene TammyBaldwin0 TammyBaldwin1 TammyDuckworth TedDeutch TedLieu TerriSewell
  TerriSewell0 TerriSewell1 TimWalz TinaSmith TomCarper TomPerez TomUdall VeronicaEscobar0
  VeronicaEscobar1 WhipJimClyburn XavierBecerra ZoeLofgren ﻿CarolynMaloney2
""".split()
WRA = """
  AdamKinzinger0 AdamKinzinger1 AdamKinzinger2 AllenWest AnnMarieBuerkle AnnWagner AustinScott0
  AustinScott2 BillCassidy BillCassidy0 BobCorker BobGoodlatte0 BobbySchilling CandiceMiller
  CandiceMiller0 CarlyFiorina CarlyFiorina0 CathyMcMorrisRodgers0 CathyMcMorrisRodgers1
  CathyMcMorrisRodgers2 ChuckGrassley CoryGardner CoryGardner0 CoryGardner1 DanNewhouse DanSullivan
  DaveCamp DavidVitter DeanHeller DebFischer0 DebFischer1 DebFischer2 DianeBlack0 DianeBlack1 DuncanHunter
  EricCantor ErikPaulsen FredUpton GeoffDavis GeorgeLeMieux GregWalden GregWalden1 JaimeHerreraBeutler
  JaimeHerreraBeutler0 JebHensarling0 JebHensarling1 JebHensarling2 JeffFlake JimInhofe JimRisch JoeHeck1
  JoePitts JohnBarrasso0 JohnBarrasso1 JohnBoehner0 JohnBoehner1 JohnBoozman JohnHoeven JohnKasich0
  JohnKasich1 JohnKasich2 JohnKasich3 JohnThune JohnnyIsakson JonKyl JoniErnst0 JoniErnst1 JuddGregg
  KayBaileyHutchison KellyAyotte KevinBrady KevinBrady0 KevinBrady2 KevinBrady3 KevinMcCarthy0
  KevinMcCarthy1 KristiNoem0 KristiNoem1 KristiNoem2 LamarAlexander LamarAlexander0 LisaMurkowski0
  LynnJenkins MarcoRubio MarkwayneMullin MarshaBlackburn0 MarshaBlackburn1 MarthaRoby MichaelSteele
  MikeCrapo MikeEnzi MikeJohanns MikeJohanns1 MitchDaniels0 MitchDaniels1 MittRomney NanHayworth
  OlympiaSnowe PatRoberts PaulRyan0 PaulRyan1 PeteHoekstra PeterKing PeterRoskam0 PeterRoskam1 RandPaul0
  RandPaul1 RandPaul2 ReincePriebus ReneeEllmers RichardShelby RobPortman RogerWicker0 RogerWicker1
  RogerWicker2 RoyBlunt RudyGiuliani SamBrownback SaxbyChambliss ShelleyMooreCapito0 ShelleyMooreCapito1
  SteveDaines SteveDaines0 SteveScalise0 SteveScalise1 TimScott ToddYoung TomCotton TomPrice VickyHartzler
""".split()
RD = [f'Radio{number}' for number in range(1, 60) if number not in (55, 58)]
